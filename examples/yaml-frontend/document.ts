import type { Range } from "@buildkit-node/core";
import type { SourceFile } from "@buildkit-node/frontend";
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, type YAMLMap } from "yaml";

/** A value of the file with the place where it stands. */
export interface Placed<T> {
  readonly value: T;
  readonly range: Range;
}

/** A mapping of the file whose keys are known by name. */
export class Fields {
  readonly #file: SourceFile;
  readonly #map: YAMLMap<Node, Node | null>;
  readonly range: Range;

  constructor(file: SourceFile, map: YAMLMap<Node, Node | null>) {
    this.#file = file;
    this.#map = map;
    this.range = rangeOf(file, map);
  }

  /** Refuses keys that mean nothing here. */
  allow(...names: readonly string[]): this {
    for (const { value, range } of this.keys()) {
      if (!names.includes(value)) {
        throw this.#file.error(`unknown key ${JSON.stringify(value)}; known are ${names.join(", ")}`, range);
      }
    }
    return this;
  }

  keys(): readonly Placed<string>[] {
    return this.#map.items.map(({ key }) => ({ value: this.#text(key), range: rangeOf(this.#file, key) }));
  }

  has(name: string): boolean {
    return this.#map.has(name);
  }

  /** A text; numbers and truth values are texts too. */
  text(name: string): Placed<string> | undefined {
    const node = this.#map.get(name, true) ?? undefined;
    return node && { value: this.#text(node), range: rangeOf(this.#file, node) };
  }

  texts(name: string): readonly Placed<string>[] {
    const node = this.#map.get(name, true);
    if (node === undefined || node === null) return [];
    if (!isSeq<Node>(node)) throw this.#file.error(`${name} must be a list`, rangeOf(this.#file, node));
    return node.items.map((item) => ({ value: this.#text(item), range: rangeOf(this.#file, item) }));
  }

  fields(name: string): Fields | undefined {
    const node = this.#map.get(name, true);
    if (node === undefined || node === null) return undefined;
    return fieldsOf(this.#file, node, name);
  }

  list(name: string): readonly Fields[] {
    const node = this.#map.get(name, true);
    if (node === undefined || node === null) return [];
    if (!isSeq<Node>(node)) throw this.#file.error(`${name} must be a list`, rangeOf(this.#file, node));
    return node.items.map((item) => fieldsOf(this.#file, item, name));
  }

  /** The texts of a mapping; a key without value has none. */
  entries(name: string): readonly (readonly [key: Placed<string>, value: Placed<string> | undefined])[] {
    const fields = this.fields(name);
    return fields?.keys().map((key) => [key, fields.text(key.value)] as const) ?? [];
  }

  #text(node: Node): string {
    if (isScalar(node)) return node.value === null ? "" : String(node.value);
    throw this.#file.error("expected a text", rangeOf(this.#file, node));
  }
}

/** Reads a file of YAML; what is wrong with its form is shown in it. */
export function readDocument(file: SourceFile): Fields {
  const document = parseDocument(file.text, { lineCounter: new LineCounter(), prettyErrors: false });
  const [error] = document.errors;
  if (error !== undefined) throw file.error(error.message, file.span(...error.pos));
  const { contents } = document;
  if (contents === null) throw file.error("the file is empty", file.lines(1));
  return fieldsOf(file, contents as Node, "the file");
}

function fieldsOf(file: SourceFile, node: Node, what: string): Fields {
  if (isMap<Node, Node | null>(node)) return new Fields(file, node);
  throw file.error(`${what} must be a mapping`, rangeOf(file, node));
}

function rangeOf(file: SourceFile, node: Node): Range {
  const [start = 0, end = start] = node.range ?? [];
  return file.span(start, end);
}
