import { InvalidArgumentError } from "@buildkit-node/core";
import { fromGoExpression } from "./go-expression.ts";

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
 * harmless: `\d` is a digit, `a|b*` what begins with `a` or is a `b*`, `a{2}*` what begins with `aa`, and a `^` is nowhere.
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

/** Whether a name matches a glob without `**`, as in Go's `path.Match`. */
export function globMatcher(glob: string): (name: string) => boolean {
  const regex = new RegExp(`^${translate(glob, glob)}$`, "u");
  return (name) => regex.test(name);
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

/** A glob as the source of a regular expression with the flag `u`. */
function translate(glob: string, rule: string): string {
  const characters = [...glob];
  let source = "";
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] ?? "";
    if (character === "*") {
      source += "[^/]*";
    } else if (character === "?") {
      source += "[^/]";
    } else if (character === "[") {
      const { end, source: characterClass } = readClass(characters, at, rule);
      source += characterClass;
      at = end;
    } else if (character === "\\") {
      at++;
      source += quote(characters[at] ?? badPattern(rule, "it ends with a backslash"));
    } else {
      source += quote(character);
    }
  }
  return source;
}

/** Reads the character class that begins at `start`; `end` is where its `]` is. */
function readClass(
  characters: readonly string[],
  start: number,
  rule: string,
): { end: number; source: string } {
  let at = start + 1;
  const negated = characters[at] === "^";
  if (negated) at++;
  const next = (): string => {
    const character = characters[at++];
    if (character === undefined) return badPattern(rule, "a [ is not closed");
    if (character === "-" || character === "]")
      return badPattern(rule, `a "${character}" in [...] needs a backslash`);
    return character === "\\"
      ? (characters[at++] ?? badPattern(rule, "it ends with a backslash"))
      : character;
  };
  let ranges = "";
  while (ranges === "" || characters[at] !== "]") {
    const low = next();
    let high = low;
    if (characters[at] === "-") {
      at++;
      high = next();
    }
    if ((low.codePointAt(0) ?? 0) <= (high.codePointAt(0) ?? 0)) ranges += `${quote(low)}-${quote(high)}`;
    else ranges += emptyRange;
  }
  return { end: at, source: `[${negated ? "^" : ""}${ranges}]` };
}

/** No path has this character: a range from high to low matches nothing. */
const emptyRange = "\\0";

function quote(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

function badPattern(rule: string, why: string): never {
  throw new InvalidArgumentError("pattern", rule, `the pattern "${rule}" cannot be read: ${why}`);
}
