/*
 * The little language that the conformance vectors are written in: a reader from text to a tree. What the programs
 * mean is in interpreter.ts.
 */

/** A step of a program. */
export type Statement =
  | { readonly kind: "assign"; readonly name: string; readonly value: Expression }
  | {
      readonly kind: "for";
      readonly name: string;
      readonly from: bigint;
      readonly to: bigint;
      readonly body: readonly Statement[];
    }
  | { readonly kind: "marshal"; readonly value: Expression };

/** Something that has a value. */
export type Expression =
  | { readonly kind: "literal"; readonly value: bigint | boolean | null }
  | { readonly kind: "string"; readonly value: string; readonly isRaw: boolean }
  | { readonly kind: "list"; readonly items: readonly Expression[] }
  | { readonly kind: "map"; readonly entries: readonly (readonly [Expression, Expression])[] }
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "call"; readonly name: string; readonly args: readonly Argument[] }
  | { readonly kind: "property"; readonly on: Expression; readonly name: string }
  | {
      readonly kind: "method";
      readonly on: Expression;
      readonly name: string;
      readonly args: readonly Argument[];
    }
  | { readonly kind: "function"; readonly parameters: readonly string[]; readonly body: Expression };

/** An argument of a call, with or without a name. */
export interface Argument {
  readonly name: string | undefined;
  readonly value: Expression;
}

interface Token {
  readonly kind: "name" | "int" | "string" | "raw" | "mark" | "newline" | "end";
  readonly text: string;
}

/** Reads a program. */
export function parseProgram(source: string): readonly Statement[] {
  return new Parser(tokenize(source)).program();
}

const tokenPattern =
  /(?<space>[ \t\r]+|#[^\n]*)|(?<newline>\n)|(?<string>"(?:[^"\\]|\\.)*")|(?<raw>`[^`]*`)|(?<int>-?(?:0o[0-7]+|[0-9]+))|(?<name>[A-Za-z_][A-Za-z0-9_]*)|(?<mark>=>|\.\.|[=(){}[\],:.])/suy;

/** Cuts a text into tokens. A newline inside brackets is none; braces of a loop's body are not brackets. */
function tokenize(source: string): readonly Token[] {
  const tokens: Token[] = [];
  const brackets: boolean[] = [];
  tokenPattern.lastIndex = 0;
  while (tokenPattern.lastIndex < source.length) {
    const at = tokenPattern.lastIndex;
    const groups = tokenPattern.exec(source)?.groups;
    if (groups === undefined) {
      throw new SyntaxError(`unexpected ${JSON.stringify(source.slice(at, at + 20))}`);
    }
    const [kind, text] = Object.entries(groups).find(([, value]) => value !== undefined) ?? ["space", ""];
    if (kind === "space") {
      continue;
    }
    if (text === "(" || text === "[" || text === "{") {
      brackets.push(text !== "{" || !isLoop(tokens));
    } else if (text === ")" || text === "]" || text === "}") {
      brackets.pop();
    }
    if (kind !== "newline") {
      tokens.push({ kind: kind as Token["kind"], text });
    } else if (
      brackets.at(-1) !== true &&
      !/^[ \t\r\n]*(?:#[^\n]*\n[ \t\r\n]*)*\.(?!\.)/.test(source.slice(tokenPattern.lastIndex))
    ) {
      tokens.push({ kind: "newline", text: "" });
    }
  }
  return [...tokens, { kind: "newline", text: "" }, { kind: "end", text: "" }];
}

/** Whether the tokens so far end in the head of a loop: `for i in 1..9`. */
function isLoop(tokens: readonly Token[]): boolean {
  const head = tokens.slice(-6);
  return head[0]?.text === "for" && head[2]?.text === "in" && head[4]?.text === "..";
}

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  program(): readonly Statement[] {
    return this.#statements("end");
  }

  #statements(end: "end" | "}"): readonly Statement[] {
    const statements: Statement[] = [];
    for (;;) {
      while (this.#accept("newline")) {}
      if (end === "end" ? this.#peek().kind === "end" : this.#peek().text === end) {
        this.#at += 1;
        return statements;
      }
      statements.push(this.#statement());
    }
  }

  #statement(): Statement {
    const name = this.#take("name");
    if (name === "marshal" && this.#peek().text !== "=") {
      return { kind: "marshal", value: this.#expression() };
    }
    if (name === "for" && this.#peek().kind === "name") {
      const variable = this.#take("name");
      this.#mark("in");
      const from = toInt(this.#take("int"));
      this.#mark("..");
      const to = toInt(this.#take("int"));
      this.#mark("{");
      return { kind: "for", name: variable, from, to, body: this.#statements("}") };
    }
    this.#mark("=");
    return { kind: "assign", name, value: this.#expression() };
  }

  #expression(): Expression {
    let value = this.#primary();
    while (this.#acceptMark(".")) {
      const name = this.#take("name");
      value = this.#acceptMark("(")
        ? { kind: "method", on: value, name, args: this.#arguments() }
        : { kind: "property", on: value, name };
    }
    return value;
  }

  #primary(): Expression {
    const token = this.#next();
    switch (token.kind) {
      case "string":
        return { kind: "string", value: JSON.parse(token.text) as string, isRaw: false };
      case "raw":
        return { kind: "string", value: token.text.slice(1, -1), isRaw: true };
      case "int":
        return { kind: "literal", value: toInt(token.text) };
      case "name":
        return this.#named(token.text);
      case "mark":
      case "newline":
      case "end":
        return this.#bracketed(token.text);
    }
  }

  #bracketed(mark: string): Expression {
    if (mark === "[") {
      return { kind: "list", items: this.#list("]", () => this.#expression()) };
    }
    if (mark === "{") {
      const entry = (): readonly [Expression, Expression] => {
        const key = this.#primary();
        this.#mark(":");
        return [key, this.#expression()];
      };
      return { kind: "map", entries: this.#list("}", entry) };
    }
    if (mark === "(") {
      const parameters = this.#list(")", () => this.#take("name"));
      this.#mark("=>");
      return { kind: "function", parameters, body: this.#expression() };
    }
    throw new SyntaxError(`unexpected ${JSON.stringify(mark)}`);
  }

  #named(name: string): Expression {
    if (name === "true" || name === "false") {
      return { kind: "literal", value: name === "true" };
    }
    if (name === "null") {
      return { kind: "literal", value: null };
    }
    return this.#acceptMark("(") ? { kind: "call", name, args: this.#arguments() } : { kind: "name", name };
  }

  #arguments(): readonly Argument[] {
    return this.#list(")", () => {
      const isNamed = this.#peek().kind === "name" && this.#tokens[this.#at + 1]?.text === ":";
      const name = isNamed ? this.#take("name") : undefined;
      if (isNamed) {
        this.#mark(":");
      }
      return { name, value: this.#expression() };
    });
  }

  #list<T>(end: string, item: () => T): readonly T[] {
    const items: T[] = [];
    while (!this.#acceptMark(end)) {
      items.push(item());
      if (!this.#acceptMark(",")) {
        this.#mark(end);
        break;
      }
    }
    return items;
  }

  #peek(): Token {
    return this.#tokens[this.#at] ?? { kind: "end", text: "" };
  }

  #next(): Token {
    const token = this.#peek();
    this.#at += 1;
    return token;
  }

  #accept(kind: Token["kind"]): boolean {
    const isThere = this.#peek().kind === kind;
    this.#at += isThere ? 1 : 0;
    return isThere;
  }

  #acceptMark(text: string): boolean {
    const isThere = this.#peek().kind === "mark" && this.#peek().text === text;
    this.#at += isThere ? 1 : 0;
    return isThere;
  }

  #take(kind: Token["kind"]): string {
    const token = this.#next();
    if (token.kind !== kind) {
      throw new SyntaxError(`expected a ${kind}, not ${JSON.stringify(token.text)}`);
    }
    return token.text;
  }

  #mark(text: string): void {
    const token = this.#next();
    if (token.text !== text) {
      throw new SyntaxError(`expected ${text}, not ${JSON.stringify(token.text)}`);
    }
  }
}

function toInt(text: string): bigint {
  return text.startsWith("-") ? -BigInt(text.slice(1)) : BigInt(text);
}
