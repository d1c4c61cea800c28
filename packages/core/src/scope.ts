/**
 * Owns resources and closes them in reverse order of opening. Closing is idempotent: a second close waits for the
 * first. An error while closing one resource does not keep the others open; it is thrown at the end (an
 * `AggregateError` when there are several).
 *
 * (`AsyncDisposableStack` of the standard is not in Node 20 or 22.)
 */
export class Scope implements AsyncDisposable {
  readonly #closers: (() => Promise<void> | void)[] = [];
  #closing: Promise<void> | undefined;

  /** Takes ownership of a disposable and returns it. */
  use<T extends AsyncDisposable | Disposable>(resource: T): T {
    this.defer(() =>
      Symbol.asyncDispose in resource
        ? Promise.resolve(resource[Symbol.asyncDispose]())
        : resource[Symbol.dispose](),
    );
    return resource;
  }

  /** Runs `closer` on close. On a scope that is already closed it is run at once. */
  defer(closer: () => Promise<void> | void): void {
    if (this.#closing === undefined) {
      this.#closers.push(closer);
    } else {
      const earlier = this.#closing;
      this.#closing = (async () => {
        try {
          await earlier;
        } finally {
          await closer();
        }
      })();
      this.#closing.catch(() => {});
    }
  }

  /** True once `close` has been called. */
  get closed(): boolean {
    return this.#closing !== undefined;
  }

  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #closeAll(): Promise<void> {
    const failures: unknown[] = [];
    for (let closer = this.#closers.pop(); closer !== undefined; closer = this.#closers.pop()) {
      try {
        await closer();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length === 1) throw failures[0];
    if (failures.length > 1) throw new AggregateError(failures, "several resources failed to close");
  }
}
