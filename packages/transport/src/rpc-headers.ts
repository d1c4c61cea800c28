/** What headers are made from. */
export type HeadersFrom =
  | NonNullable<ConstructorParameters<typeof Headers>[0]>
  | Iterable<readonly [name: string, value: string]>;

/**
 * The web's `Headers`, as far as callers use them: names in lower case, the values of a name in one text.
 *
 * Node loads its HTTP client when a program first mentions its own `Headers`, which takes longer than everything that a cached
 * build does.
 */
export class RpcHeaders implements Headers {
  readonly #values = new Map<string, string>();

  constructor(init: HeadersFrom = {}) {
    const pairs = Symbol.iterator in init ? init : Object.entries(init);
    for (const [name = "", value = ""] of pairs as Iterable<readonly string[]>) this.append(name, value);
  }

  append(name: string, value: string): void {
    const known = this.get(name);
    this.set(name, known === null ? value : `${known}, ${value}`);
  }

  set(name: string, value: string): void {
    this.#values.set(name.toLowerCase(), value.trim());
  }

  get(name: string): string | null {
    return this.#values.get(name.toLowerCase()) ?? null;
  }

  has(name: string): boolean {
    return this.#values.has(name.toLowerCase());
  }

  delete(name: string): void {
    this.#values.delete(name.toLowerCase());
  }

  getSetCookie(): string[] {
    return [];
  }

  forEach(visit: (value: string, name: string, headers: Headers) => void): void {
    for (const [name, value] of this.#values) visit(value, name, this);
  }

  entries(): MapIterator<[string, string]> {
    return this.#values.entries();
  }

  keys(): MapIterator<string> {
    return this.#values.keys();
  }

  values(): MapIterator<string> {
    return this.#values.values();
  }

  [Symbol.iterator](): MapIterator<[string, string]> {
    return this.entries();
  }
}
