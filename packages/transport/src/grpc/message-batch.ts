import { writePrefix } from "./frame-message.ts";
import { prefixBytes } from "./message-decoder.ts";

/** Bytes that are gathered before they are written. */
const defaultBlockBytes = 256 << 10;

/**
 * Gathers small messages into large writes. Messages are encoded in place:
 *
 *     const at = batch.begin(length);   // the prefix is written, the next `length` bytes are the caller's to fill
 *     encode(batch.block, at);
 *
 * What is not full is written by `flush`.
 */
export class MessageBatch {
  readonly #write: (bytes: Buffer) => void;
  readonly #blockBytes: number;
  #block: Buffer = Buffer.alloc(0);
  #start = 0;
  #end = 0;

  constructor(write: (bytes: Buffer) => void, blockBytes: number = defaultBlockBytes) {
    this.#write = write;
    this.#blockBytes = blockBytes;
  }

  /** The buffer that `begin`'s answer is an offset in; another one after each call of `begin` or `reserve`. */
  get block(): Buffer {
    return this.#block;
  }

  /** Starts a message of `length` bytes and answers where they go. */
  begin(length: number): number {
    const at = this.reserve(prefixBytes + length);
    writePrefix(this.#block, at, length);
    this.#end = at + prefixBytes + length;
    return at + prefixBytes;
  }

  /** Makes room for `bytes` in one piece and answers where it is; `commit` says how much of it was used. */
  reserve(bytes: number): number {
    if (this.#end + bytes > this.#block.length) {
      this.flush();
      this.#block = Buffer.allocUnsafeSlow(Math.max(this.#blockBytes, bytes));
      this.#start = 0;
      this.#end = 0;
    }
    return this.#end;
  }

  /** Takes the bytes up to `end`, which is an offset in the block, as messages with their prefixes. */
  commit(end: number): void {
    this.#end = end;
  }

  flush(): void {
    if (this.#end === this.#start) return;
    this.#write(this.#block.subarray(this.#start, this.#end));
    this.#start = this.#end;
  }
}
