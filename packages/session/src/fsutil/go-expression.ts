/**
 * A regular expression of Go's as JavaScript's. It knows all that an ignore rule can lead to, but for Unicode classes
 * (`\pL`) and quotations (`\Q`), which are refused.
 *
 * @throws {SyntaxError} for these, and for what is none, which Go refuses as well
 */
export function fromGoExpression(expression: string): RegExp {
  const scanner = new Scanner(expression);
  let source = "";
  while (!scanner.done) source += term(scanner);
  try {
    return new RegExp(source, "v");
  } catch (cause) {
    throw new SyntaxError("something is repeated that cannot be", { cause });
  }
}

const operators: Readonly<Record<string, string>> = { ".": "[^\\n]", "^": "(?:^)" };
const assertions: Readonly<Record<string, string>> = {
  A: "(?:^)",
  z: "(?:$)",
  b: "(?:\\b)",
  B: "(?:\\B)",
};

/** What stands inside of `[...]`. */
const sets: Readonly<Record<string, string>> = {
  d: "\\d",
  D: "\\D",
  w: "\\w",
  W: "\\W",
  s: "\\t\\n\\f\\r ",
  S: "\\0-\\x08\\x0b\\x0e-\\x1f!-\\u{10ffff}",
};

const posixSets: Readonly<Record<string, string>> = {
  alnum: "0-9A-Za-z",
  alpha: "A-Za-z",
  ascii: "\\0-\\x7f",
  blank: "\\t ",
  cntrl: "\\0-\\x1f\\x7f",
  digit: "0-9",
  graph: "!-~",
  lower: "a-z",
  print: " -~",
  punct: "!-\\/:-@\\[-`\\{-~",
  space: "\\t-\\r ",
  upper: "A-Z",
  word: "\\w",
  xdigit: "0-9A-Fa-f",
};

const maxRepeats = 1000;

function term(scanner: Scanner): string {
  const repeat = scanner.take(/\{(0|[1-9]\d*)(?:,(0|[1-9]\d*)?)?\}/uy);
  if (repeat !== undefined) {
    if (Number(repeat[1]) > maxRepeats || Number(repeat[2] ?? 0) > maxRepeats)
      throw new SyntaxError(`${repeat[0]} repeats too often`);
    return repeat[0];
  }
  const letter = scanner.take(/\\([AzbBdDwWsS])/uy)?.[1];
  if (letter !== undefined) return assertions[letter] ?? `[${sets[letter]}]`;
  const operator = scanner.take(/[()*?|$^.]/uy)?.[0];
  if (operator !== undefined) return operators[operator] ?? operator;
  return scanner.take(/\[/uy) === undefined ? quote(character(scanner)) : characterClass(scanner);
}

function characterClass(scanner: Scanner): string {
  const negation = scanner.take(/\^/uy)?.[0] ?? "";
  let members = "";
  while (members === "" || scanner.take(/\]/uy) === undefined) members += classMember(scanner);
  return `[${negation}${members}]`;
}

function classMember(scanner: Scanner): string {
  const [, complement, name] = scanner.take(/\[:(\^?)(.*?):\]/suy) ?? [];
  if (name !== undefined) {
    const set = Object.hasOwn(posixSets, name) ? posixSets[name] : undefined;
    if (set === undefined) throw new SyntaxError(`there is no class [:${complement}${name}:]`);
    return complement === "" ? set : `[^${set}]`;
  }
  const letter = scanner.take(/\\([dDwWsS])/uy)?.[1];
  if (letter !== undefined) return sets[letter] ?? "";
  const low = character(scanner);
  const high = scanner.take(/-(?!\])/uy) === undefined ? low : character(scanner);
  if (high < low) throw new SyntaxError("a range in [...] goes from high to low");
  return `${quote(low)}-${quote(high)}`;
}

const controls: Readonly<Record<string, number>> = { a: 7, t: 9, n: 10, v: 11, f: 12, r: 13 };

/** The code point of a character that may be written in any way. */
function character(scanner: Scanner): number {
  const hex = scanner.take(/\\x(?:([0-9a-fA-F]{2})|\{([0-9a-fA-F]+)\})/uy);
  if (hex !== undefined) return codePoint(hex[1] ?? hex[2] ?? "", 16);
  const octal = scanner.take(/\\(0[0-7]{0,2}|[1-7][0-7]{1,2})/uy)?.[1];
  if (octal !== undefined) return codePoint(octal, 8);
  const control = controls[scanner.take(/\\([atnvfr])/uy)?.[1] ?? ""];
  if (control !== undefined) return control;
  const unescaped = scanner.take(/\\([^0-9A-Za-z\x80-\u{10ffff}])/uy)?.[1] ?? scanner.take(/[^\\]/uy)?.[0];
  if (unescaped !== undefined) return unescaped.codePointAt(0) ?? 0;
  const unknown = scanner.take(/\\./suy)?.[0];
  if (unknown === undefined) throw new SyntaxError("a [ is not closed");
  if (/[pPQ]/.test(unknown))
    throw new SyntaxError(`"${unknown}": Unicode classes and quotations are not supported in ignore rules`);
  throw new SyntaxError(`"${unknown}" means nothing; directories are separated by /, also on Windows`);
}

function codePoint(digits: string, radix: number): number {
  const code = Number.parseInt(digits, radix);
  if (code > 0x10ffff) throw new SyntaxError(`there is no character ${digits}`);
  return code;
}

/** A character as itself, in or out of `[...]`, with the flag `u` or `v`. */
export function quote(code: number): string {
  return `\\u{${code.toString(16)}}`;
}

class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get done(): boolean {
    return this.#at >= this.#text.length;
  }

  /** What comes next, if it is such a token; the expression is sticky. */
  take(token: RegExp): RegExpExecArray | undefined {
    token.lastIndex = this.#at;
    const found = token.exec(this.#text);
    if (found === null) return undefined;
    this.#at = token.lastIndex;
    return found;
  }
}
