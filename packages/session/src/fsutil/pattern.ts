import { InvalidArgumentError } from "@buildkit-node/core";
import { fromGoExpression, quote } from "./go-expression.ts";

/** One ignore rule, ready to be matched against whole paths in the form of `toCharacters`. */
export interface Pattern {
  /** The rule without its `!`. */
  readonly text: string;
  /** True for a rule that began with `!`: what it matches is taken out again. */
  readonly negated: boolean;
  /** Whether the rule matches this path itself; its parents are the caller's affair. */
  matches(path: string): boolean;
}

/**
 * Reads a rule as moby's patternmatcher does: surrounding space is dropped, the path is cleaned, `*` and `?` stay
 * within a component, `**` stands for any number of them, `[...]` is a character class, `\` takes the next
 * character as it is. The rule must match the whole path: `foo` is the `foo` at the root alone.
 *
 * A rule with any of these in it is in truth a regular expression, in which only `.`, `+`, `$` and parentheses are made
 * harmless: `\d` is a digit, `a|b*` what begins with `a` or ends in a `b*`, `a{2}*` what begins with `aa`, and a `^` is the
 * start. Not so `**x` and `x**` with no other wildcard, bracket or backslash: there `x` stands for itself.
 *
 * `undefined` for a rule that is empty. Throws an `InvalidArgumentError` for one that cannot be read.
 */
export function parsePattern(rule: string): Pattern | undefined {
  const trimmed = rule.trim();
  if (trimmed === "") return undefined;
  const cleaned = cleanPath(trimmed);
  const negated = cleaned.startsWith("!");
  const text = negated ? cleaned.slice(1) : cleaned;
  if (text === "")
    throw new InvalidArgumentError("pattern", rule, `the ignore rule "${rule}" excludes nothing`);
  return { text, negated, matches: matcher(text, rule) };
}

/** Whether a name matches a glob without `**`, as in Go's `path.Match`; one that cannot be read matches nothing. */
export function globMatcher(glob: string): (name: string) => boolean {
  let source = "";
  let end = 0;
  for (const { 0: token, index, groups } of glob.matchAll(globToken)) {
    if (token === "*") source += "[^/]*";
    else if (token === "?") source += "[^/]";
    else if (groups?.["members"] === undefined) source += quote(codeOf(token));
    else source += `[${groups["negation"]}${ranges(groups["members"])}]`;
    end = index + token.length;
  }
  if (end < glob.length) return () => false;
  const regex = new RegExp(`^${source}$`, "u");
  return (name) => regex.test(name);
}

/** One piece of a glob, from where the last one ends. In `[...]` a `-` and a `]` need a backslash. */
const globToken =
  /\\.|[^\\[]|\[(?<negation>\^|(?!\^))(?<members>(?:(?:\\.|[^\\\]-])(?:-(?:\\.|[^\\\]-]))?)+)\]/gsuy;

/**
 * Whether Go can read a glob when it looks whether `.` is such, as moby's patternmatcher has it do with each rule. It reads
 * from `*` to `*`, and no further than it has to: `[-a]` is refused, `a*[-a]` is not.
 */
function isReadable(glob: string): boolean {
  const tokens = Array.from(glob.matchAll(globToken), ([token]) => token);
  const isWhole = tokens.join("").length === glob.length;
  const lastStar = tokens.lastIndexOf("*");
  let isDotLeft = true;
  for (const [at, token] of tokens.entries()) {
    if (token === "*") continue;
    if (isDotLeft && globMatcher(token)(".")) isDotLeft = false;
    // The rest of this part is still read, which matters if it is the last.
    else return isWhole || at < lastStar;
  }
  return isWhole;
}

/** The members of a character class, each as a range. */
function ranges(members: string): string {
  return members.replace(/(\\.|.)(?:-(\\.|.))?/gsu, (_, low: string, high: string = low) =>
    codeOf(low) <= codeOf(high) ? `${quote(codeOf(low))}-${quote(codeOf(high))}` : emptyRange,
  );
}

/** No path has this character: a range from high to low matches nothing. */
const emptyRange = "\\0";

/** The character of a piece of a glob that stands for one, with or without a backslash. */
function codeOf(token: string): number {
  return token.replace(/^\\(?=.)/s, "").codePointAt(0) ?? 0;
}

export function hasWildcard(text: string): boolean {
  return /[*?[]/.test(text.replace(/\\./gsu, ""));
}

/** A path without empty, `.` and `..` components where that is possible; `.` for an empty one. */
export function cleanPath(path: string): string {
  const rooted = path.startsWith("/");
  const kept: string[] = [];
  for (const component of path.split("/")) {
    if (component === "" || component === ".") continue;
    if (component !== "..") kept.push(component);
    else if (kept.length > 0 && kept.at(-1) !== "..") kept.pop();
    else if (!rooted) kept.push(component);
  }
  return (rooted ? "/" : "") + kept.join("/") || ".";
}

function matcher(text: string, rule: string): (path: string) => boolean {
  if (!/[*?[\]\\]/.test(text)) return (path) => path === text;
  // Two common kinds of rule need no regular expression. (`**x`, without a slash, is a suffix as well.)
  const literal = /^(?:\*\*(?<suffix>[^*?[\]\\]*)|(?<prefix>[^*?[\]\\]+)\*\*)$/su.exec(text)?.groups;
  const suffix = literal?.["suffix"];
  if (suffix !== undefined) return (path) => path.endsWith(suffix) || `/${path}` === suffix;
  const prefix = literal?.["prefix"];
  if (prefix !== undefined) return (path) => path.startsWith(prefix);
  if (/^(?:[^\\]|\\.)*\\$/s.test(text)) return badPattern(rule, "it ends with a backslash");
  try {
    const expression = fromGoExpression(`^${ruleExpression(text)}$`);
    if (!isReadable(text))
      return badPattern(rule, "in [...], a - or a ] that is no range or end needs a backslash");
    return (path) => expression.test(path);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return badPattern(rule, error.message);
  }
}

/** What a rule is as a regular expression of Go's. */
function ruleExpression(text: string): string {
  return text.replace(/\*\*\/?|\\.|[*?.+()$]/gsu, (token, at: number) => {
    if (token.startsWith("**")) return at + token.length === text.length ? ".*" : "(.*/)?";
    if (token === "*") return "[^/]*";
    if (token === "?") return "[^/]";
    return token.startsWith("\\") ? token : `\\${token}`;
  });
}

function badPattern(rule: string, why: string): never {
  throw new InvalidArgumentError("pattern", rule, `the pattern "${rule}" cannot be read: ${why}`);
}
