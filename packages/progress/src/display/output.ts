import type { Writable } from "node:stream";

/** A stream that may be a terminal. `process.stdout` and `process.stderr` are such streams. */
export type OutputStream = Writable & {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
};

/**
 * Writes to a stream as long as that works. When the reader has gone (a broken pipe) or the stream fails, what is
 * written is dropped: a build does not fail because nobody reads its progress.
 */
export class Output {
  readonly stream: OutputStream;
  #users = 0;
  #broken = false;
  readonly #onError = () => {
    this.#broken = true;
  };

  constructor(stream: OutputStream) {
    this.stream = stream;
  }

  /** True when nothing that is written arrives any more. */
  get broken(): boolean {
    return this.#broken || this.stream.destroyed || this.stream.writableEnded;
  }

  /** True while the stream asks to be left alone. */
  get isBusy(): boolean {
    return !this.broken && this.stream.writableNeedDrain;
  }

  /** From now on the stream's errors are taken care of, until `release` has been called as often. */
  acquire(): void {
    if (this.#users++ === 0) this.stream.on("error", this.#onError);
  }

  /** Resolves when everything written has been handed on. */
  async release(): Promise<void> {
    await this.#flushed();
    if (--this.#users === 0) this.stream.off("error", this.#onError);
  }

  write(text: string): void {
    if (text !== "" && !this.broken) this.stream.write(text);
  }

  /** Resolves when the stream takes more, or has failed. */
  drained(): Promise<void> {
    if (!this.isBusy) return Promise.resolve();
    return new Promise((resolve) => {
      const settle = () => {
        for (const event of ["drain", "error", "close"]) this.stream.off(event, settle);
        resolve();
      };
      for (const event of ["drain", "error", "close"]) this.stream.on(event, settle);
    });
  }

  #flushed(): Promise<void> {
    if (this.broken) return Promise.resolve();
    return new Promise((resolve) => {
      const close = () => resolve();
      this.stream.once("close", close);
      this.stream.write("", () => {
        this.stream.off("close", close);
        resolve();
      });
    });
  }
}
