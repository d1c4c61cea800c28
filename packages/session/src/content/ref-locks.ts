import { ContentError } from "./content-error.ts";

/** Which refs are being written, within this process. */
export class RefLocks {
  readonly #since = new Map<string, Date>();

  /** Takes the ref; the answer gives it back. Throws a `ContentError` with reason `locked` when it is taken. */
  take(ref: string): () => void {
    this.check(ref);
    this.#since.set(ref, new Date());
    return () => {
      this.#since.delete(ref);
    };
  }

  /** Throws like `take`, and takes nothing. */
  check(ref: string): void {
    const since = this.#since.get(ref);
    if (since !== undefined) {
      throw new ContentError(
        "locked",
        ref,
        `another write of ${ref} has been running since ${since.toISOString()}`,
      );
    }
  }
}
