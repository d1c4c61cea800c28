import { abortable } from "@buildkit-node/core";
import type { OpenFile } from "../fsutil/tree.ts";
import type { Contents } from "./virtual-directory.ts";

export interface OpenContentsOptions {
  readonly expectedBytes: number | undefined;
  /** Ends reads that are waited for. */
  readonly signal: AbortSignal;
  /** Makes the error of what opening or reading them throws. */
  readonly explain: (cause: unknown) => Error;
}

/** Opens contents that a caller gives. */
export function openContents(
  open: () => Contents | Promise<Contents>,
  options: OpenContentsOptions,
): OpenFile {
  try {
    const contents = open();
    const bytes = wholeBytes(contents);
    return bytes === undefined ? new StreamedFile(contents, options) : new FileInMemory(bytes);
  } catch (error) {
    throw options.explain(error);
  }
}

class FileInMemory implements OpenFile {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  readSync(target: Buffer, start: number, length: number): number {
    const piece = this.#bytes.subarray(this.#at, this.#at + length);
    target.set(piece, start);
    this.#at += piece.length;
    return piece.length;
  }

  read(target: Buffer, start: number, length: number): Promise<number> {
    return Promise.resolve(this.readSync(target, start, length));
  }

  close(): void {}
}

/** Contents that come in pieces, in their own time. */
class StreamedFile implements OpenFile {
  readonly #pieces: Promise<PieceIterator>;
  readonly #signal: AbortSignal;
  readonly #explain: (cause: unknown) => Error;
  readonly expectedBytes: number | undefined;
  /** What is left of the last piece. */
  #rest: Uint8Array = new Uint8Array();

  constructor(contents: Contents | Promise<Contents>, options: OpenContentsOptions) {
    const { expectedBytes, signal, explain } = options;
    this.#pieces = Promise.resolve(contents).then(iteratorOf);
    this.#pieces.catch(() => {});
    this.#signal = signal;
    this.#explain = explain;
    this.expectedBytes = expectedBytes;
  }

  async read(target: Buffer, start: number, length: number): Promise<number> {
    try {
      let filled = 0;
      while (filled < length) {
        if (this.#rest.length === 0 && !(await abortable(this.#nextPiece(), this.#signal))) break;
        const piece = this.#rest.subarray(0, length - filled);
        target.set(piece, start + filled);
        this.#rest = this.#rest.subarray(piece.length);
        filled += piece.length;
      }
      return filled;
    } catch (error) {
      throw this.#signal.aborted ? error : this.#explain(error);
    }
  }

  close(): void {
    // A generator that waits for something returns once it has it: nobody waits for that.
    this.#pieces.then((pieces) => pieces.return?.()).catch(() => {});
  }

  async #nextPiece(): Promise<boolean> {
    const pieces = await this.#pieces;
    const { done, value } = await pieces.next();
    if (done === true) return false;
    if (!(value instanceof Uint8Array)) throw new TypeError("its contents are not bytes");
    this.#rest = value;
    return true;
  }
}

interface PieceIterator {
  next(): PromiseLike<IteratorResult<Uint8Array>> | IteratorResult<Uint8Array>;
  readonly return?: (() => unknown) | undefined;
}

function wholeBytes(contents: Contents | Promise<Contents>): Uint8Array | undefined {
  if (typeof contents === "string") return Buffer.from(contents);
  return contents instanceof Uint8Array ? contents : undefined;
}

function iteratorOf(contents: Contents): PieceIterator {
  if (typeof contents === "string" || contents instanceof Uint8Array) return [Buffer.from(contents)].values();
  if (Symbol.asyncIterator in contents) return contents[Symbol.asyncIterator]();
  return contents[Symbol.iterator]();
}
