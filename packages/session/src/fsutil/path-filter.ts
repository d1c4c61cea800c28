import { type ByteString, toCharacters } from "./byte-string.ts";
import { type Pattern, parsePattern } from "./pattern.ts";

/** What is known of a directory, for its children: which patterns matched it or one of its parents. */
export interface DirectoryMatch {
  readonly include: readonly boolean[];
  readonly exclude: readonly boolean[];
}

/** What a filter says about one entry. */
export interface FilterVerdict {
  /** Whether the entry itself is sent. */
  readonly sent: boolean;
  /** Whether something below it, if it is a directory, may be sent. */
  readonly descend: boolean;
  /** For the children. */
  readonly match: DirectoryMatch;
}

/**
 * Decides which entries of a tree are sent. An entry is sent if it is included (or there are no include patterns) and
 * not excluded. Patterns are tried in order, each against the entry and its parents, and the last that matches counts.
 */
export class PathFilter {
  readonly #include: PatternList | undefined;
  readonly #exclude: PatternList | undefined;

  constructor(options: { readonly include: readonly string[]; readonly exclude: readonly string[] }) {
    this.#include = options.include.length > 0 ? new PatternList(options.include) : undefined;
    this.#exclude = options.exclude.length > 0 ? new PatternList(options.exclude) : undefined;
  }

  /** The verdict on an entry. `parent` is the match of the directory that it is in. */
  check(bytes: ByteString, parent: DirectoryMatch | undefined): FilterVerdict {
    if (this.#include === undefined && this.#exclude === undefined) return everything;
    const path = toCharacters(bytes);
    const include = this.#include?.match(path, parent?.include);
    const exclude = this.#exclude?.match(path, parent?.exclude);
    const included = include?.matched ?? true;
    const excluded = exclude?.matched ?? false;
    const descend =
      (included || this.#include?.mayMatchBelow(path, false) === true) &&
      (!excluded || this.#exclude?.mayMatchBelow(path, true) === true);
    const match = { include: include?.perPattern ?? none, exclude: exclude?.perPattern ?? none };
    return { sent: included && !excluded, descend, match };
  }
}

const none: readonly boolean[] = [];
const everything: FilterVerdict = { sent: true, descend: true, match: { include: none, exclude: none } };

class PatternList {
  readonly #patterns: readonly Pattern[];
  /** For normal and for negated patterns: the directories that lead to what they match, if they say so. */
  readonly #reach: Readonly<Record<"normal" | "negated", readonly string[] | undefined>>;

  constructor(rules: readonly string[]) {
    this.#patterns = rules.flatMap((rule) => parsePattern(rule) ?? []);
    this.#reach = {
      normal: reach(this.#patterns.filter(({ negated }) => !negated)),
      negated: reach(this.#patterns.filter(({ negated }) => negated)),
    };
  }

  match(
    path: string,
    parent: readonly boolean[] | undefined,
  ): { matched: boolean; perPattern: readonly boolean[] } {
    const perPattern: boolean[] = new Array(this.#patterns.length).fill(false);
    let matched = false;
    for (const [index, pattern] of this.#patterns.entries()) {
      // A pattern that could change nothing is not tried; its children then do not inherit a match either.
      const inherited = parent?.[index] === true;
      if (!inherited && pattern.negated !== matched) continue;
      if (!inherited && !pattern.matches(path)) continue;
      perPattern[index] = true;
      matched = !pattern.negated;
    }
    return { matched, perPattern };
  }

  /** Whether a normal (or a negated) pattern could match something below a directory that did not match itself. */
  mayMatchBelow(directory: string, negated: boolean): boolean {
    const reach = this.#reach[negated ? "negated" : "normal"];
    return reach === undefined || reach.some((path) => path.startsWith(`${directory}/`));
  }
}

// The literal paths that patterns begin at, each with a `/` behind it; `undefined` if one may match anywhere. (The Go client
// looks for what `a/*/**` matches no deeper than in `a`, and so finds none of it.)
function reach(patterns: readonly Pattern[]): readonly string[] | undefined {
  const paths = patterns.map(({ text }) => text.replace(/\/\*\*?$/, ""));
  return paths.some((path) => /[*[\]?^\\]/.test(path)) ? undefined : paths.map((path) => `${path}/`);
}
