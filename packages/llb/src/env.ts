/**
 * Environment variables in the order of their last assignment. Immutable: setting one gives a new list that shares the
 * old one, so that long chains of settings cost no more than their length.
 */
export class Env implements Iterable<readonly [name: string, value: string]> {
  static readonly empty: Env = new Env(undefined, "", undefined);

  readonly #before: Env | undefined;
  readonly #name: string;
  /** Absent where the variable was removed. */
  readonly #value: string | undefined;
  #entries: ReadonlyMap<string, string> | undefined;
  #texts: readonly string[] | undefined;

  private constructor(before: Env | undefined, name: string, value: string | undefined) {
    this.#before = before;
    this.#name = name;
    this.#value = value;
  }

  /** The list with one variable set, moved to its end; or without it, if there is no value. */
  set(name: string, value: string | undefined): Env {
    return new Env(this, name, value);
  }

  get(name: string): string | undefined {
    return this.entries.get(name);
  }

  has(name: string): boolean {
    return this.entries.has(name);
  }

  /** The variables by name. */
  get entries(): ReadonlyMap<string, string> {
    this.#entries ??= this.#collect();
    return this.#entries;
  }

  /** The variables as `NAME=value`. */
  get texts(): readonly string[] {
    this.#texts ??= [...this.entries].map(([name, value]) => `${name}=${value}`);
    return this.#texts;
  }

  [Symbol.iterator](): Iterator<readonly [name: string, value: string]> {
    return this.entries[Symbol.iterator]();
  }

  #collect(): ReadonlyMap<string, string> {
    const newestFirst = new Map<string, string | undefined>();
    for (let env: Env = this; env.#before !== undefined; env = env.#before) {
      if (!newestFirst.has(env.#name)) {
        newestFirst.set(env.#name, env.#value);
      }
    }
    const entries = new Map<string, string>();
    for (const [name, value] of [...newestFirst].reverse()) {
      if (value !== undefined) {
        entries.set(name, value);
      }
    }
    return entries;
  }
}
