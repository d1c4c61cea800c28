import { errorMessage } from "@buildkit-node/core";
import { Flag, Http2Code } from "./frame.ts";
import { unpad } from "./frame-reader.ts";
import { type HeaderPair, HpackDecoder } from "./hpack-decoder.ts";
import { Http2Error } from "./http2-error.ts";

/** A daemon puts every ignore rule of a build into a request, and every detail of a failure into trailers. */
const maxBlockBytes = 16 << 20;

/** The lines of a HEADERS frame and what continues it. */
export interface HeaderBlock {
  readonly streamId: number;
  readonly endStream: boolean;
  readonly lines: readonly HeaderPair[];
}

/** Gathers header blocks from their frames. */
export class HeaderBlocks {
  readonly #hpack = new HpackDecoder();
  #open:
    | { readonly streamId: number; readonly endStream: boolean; readonly parts: Buffer[]; bytes: number }
    | undefined;

  /** True in the middle of a block, where no other frame may come. */
  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  /** A HEADERS frame. Answers the block if that is all of it. */
  begin(flags: number, streamId: number, payload: Buffer): HeaderBlock | undefined {
    const unpadded = unpad(payload, flags);
    const part = (flags & Flag.priority) === 0 ? unpadded : unpadded.subarray(5);
    const endStream = (flags & Flag.endStream) !== 0;
    this.#open = { streamId, endStream, parts: [part], bytes: part.length };
    return this.#completed(flags);
  }

  /** A CONTINUATION frame. Answers the block if that was the rest of it. */
  continue(flags: number, streamId: number, payload: Buffer): HeaderBlock | undefined {
    const block = this.#open;
    if (block?.streamId !== streamId)
      throw new Http2Error(Http2Code.protocolError, "a header block has no start");
    block.parts.push(payload);
    block.bytes += payload.length;
    if (block.bytes > maxBlockBytes) {
      throw new Http2Error(
        Http2Code.enhanceYourCalm,
        `a message has more than ${maxBlockBytes} bytes of headers`,
      );
    }
    return this.#completed(flags);
  }

  #completed(flags: number): HeaderBlock | undefined {
    const block = this.#open;
    if (block === undefined || (flags & Flag.endHeaders) === 0) return undefined;
    this.#open = undefined;
    const { streamId, endStream, parts } = block;
    return { streamId, endStream, lines: this.#decode(Buffer.concat(parts)) };
  }

  #decode(block: Buffer): HeaderPair[] {
    try {
      return this.#hpack.decode(block);
    } catch (thrown) {
      throw new Http2Error(Http2Code.compressionError, errorMessage(thrown), { cause: thrown });
    }
  }
}
