import { BuildkitError } from "@buildkit-node/core";
import type { ByteQueue } from "../byte-queue.ts";
import { maxMessageBytes, prefixBytes } from "./message-decoder.ts";

/** The tag of `BytesMessage.data`. */
export const dataTag = 0x0a;

/**
 * Takes the data out of gRPC messages `BytesMessage { bytes data = 1 }`, a message's pieces as they come: each is a view of
 * what was received. Daemons cut messages into frames smaller than they are, so that whole ones would be copies.
 */
export class BytesDecoder {
  readonly #bytes: ByteQueue;
  /** What is to come of the message that has begun. */
  #left = 0;

  constructor(bytes: ByteQueue) {
    this.#bytes = bytes;
  }

  /** The next piece, if there is one; none is empty. Throws a protocol error for a message of another kind. */
  next(): Buffer | undefined {
    while (this.#left === 0) if (!this.#begin()) return undefined;
    const piece = this.#bytes.takeSome(this.#left);
    this.#left -= piece.length;
    return piece.length > 0 ? piece : undefined;
  }

  /** True in the middle of a message. */
  get partial(): boolean {
    return this.#left > 0 || this.#bytes.length > 0;
  }

  /** Passes over what a message has before its data; false when not all of that is there. */
  #begin(): boolean {
    const bytes = this.#bytes;
    if (bytes.length < prefixBytes) return false;
    let messageBytes = 0;
    for (let at = 1; at < prefixBytes; at++) messageBytes = messageBytes * 256 + bytes.byteAt(at);
    if (bytes.byteAt(0) !== 0 || messageBytes > maxMessageBytes) throw unreadable();
    if (messageBytes === 0) {
      bytes.skip(prefixBytes);
      return true;
    }
    if (bytes.length > prefixBytes && bytes.byteAt(prefixBytes) !== dataTag) throw unreadable();
    let dataBytes = 0;
    for (let at = prefixBytes + 1, scale = 1; at < bytes.length; at++, scale *= 0x80) {
      const byte = bytes.byteAt(at);
      dataBytes += (byte & 0x7f) * scale;
      const headBytes = at + 1 - prefixBytes;
      if (headBytes + dataBytes > messageBytes) throw unreadable();
      if (byte >= 0x80) continue;
      if (headBytes + dataBytes !== messageBytes) throw unreadable();
      bytes.skip(prefixBytes + headBytes);
      this.#left = dataBytes;
      return true;
    }
    return false;
  }
}

function unreadable(): BuildkitError {
  return new BuildkitError(
    "ERR_BUILDKIT_PROTOCOL",
    "the peer sent a message that cannot be read where bytes were due",
  );
}
