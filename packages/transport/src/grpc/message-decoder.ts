import { BuildkitError } from "@buildkit-node/core";
import type { ByteQueue } from "../byte-queue.ts";
import { CallError, StatusCode } from "./status.ts";

/** The compression flag and the length before each message. */
export const prefixBytes = 5;

/** What BuildKit lets a message have. */
export const maxMessageBytes: number = 16 << 20;

/**
 * Cuts a byte stream into gRPC messages. A message that lies within one chunk is a view of it; one that does not is
 * copied once, whatever the number of its pieces.
 */
export class MessageDecoder {
  readonly #bytes: ByteQueue;
  /** The length of the message whose prefix has been read. */
  #pending: number | undefined;

  constructor(bytes: ByteQueue) {
    this.#bytes = bytes;
  }

  /** The next whole message, if there is one. Throws a protocol error for one that is compressed, a `CallError` for one that is too large. */
  next(): Buffer | undefined {
    if (this.#pending === undefined) {
      if (this.#bytes.length < prefixBytes) return undefined;
      this.#pending = this.#readPrefix();
    }
    if (this.#bytes.length < this.#pending) return undefined;
    const message = this.#bytes.take(this.#pending);
    this.#pending = undefined;
    return message;
  }

  /** True in the middle of a message. */
  get partial(): boolean {
    return this.#pending !== undefined || this.#bytes.length > 0;
  }

  #readPrefix(): number {
    // Read where it is: a buffer for each prefix costs more than all else that is done with a small message here.
    const compressed = this.#bytes.byteAt(0) !== 0;
    let length = 0;
    for (let at = 1; at < prefixBytes; at++) length = length * 256 + this.#bytes.byteAt(at);
    this.#bytes.skip(prefixBytes);
    if (compressed)
      throw new BuildkitError("ERR_BUILDKIT_PROTOCOL", "the peer sent a compressed message unasked");
    if (length > maxMessageBytes) {
      throw new CallError(
        StatusCode.resourceExhausted,
        `a message of ${length} bytes is over the limit of ${maxMessageBytes}`,
      );
    }
    return length;
  }
}
