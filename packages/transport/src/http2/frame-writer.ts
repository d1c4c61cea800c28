import type { Duplex } from "node:stream";
import {
  defaultFrameBytes,
  Flag,
  FrameType,
  frame,
  frameHeader,
  frameOfUint32,
  initialWindowBytes,
} from "./frame.ts";
import type { HeaderPair } from "./hpack-decoder.ts";
import { encodeHeaderBlock } from "./hpack-encoder.ts";
import type { Http2Stream } from "./http2-stream.ts";

/** What one stream may send before the next one has its turn. */
const turnBytes = 64 << 10;
/** Bytes that wait in the pipe before streams wait for it. */
const pipeBytes = 256 << 10;
/** Pieces that are copied rather than given to the pipe by themselves. */
const smallBytes = 1 << 10;
const maxWindowBytes = 2 ** 31 - 1;

/** Writes frames to a pipe: control frames first, then each stream's data in its turn, as far as windows and pipe allow. */
export class FrameWriter {
  /** The largest payload that the peer takes. */
  peerFrameBytes: number = defaultFrameBytes;
  readonly #pipe: Duplex;
  readonly #ready = new Set<Http2Stream>();
  #control: Buffer[] = [];
  /** What the peer lets us send on all streams together. */
  #window = initialWindowBytes;
  #scheduled = false;
  #ended = false;

  constructor(pipe: Duplex) {
    this.#pipe = pipe;
    pipe.on("drain", () => this.#flush());
  }

  /** Bytes that are no stream's data, in whole frames. */
  send(bytes: Buffer): void {
    if (this.#ended) return;
    this.#control.push(bytes);
    this.#schedule();
  }

  sendHeaders(streamId: number, lines: readonly HeaderPair[], endStream: boolean): void {
    const block = encodeHeaderBlock(lines);
    const end = endStream ? Flag.endStream : 0;
    for (let at = 0; at === 0 || at < block.length; at += defaultFrameBytes) {
      const part = block.subarray(at, at + defaultFrameBytes);
      const flags = (at === 0 ? end : 0) | (at + defaultFrameBytes >= block.length ? Flag.endHeaders : 0);
      this.send(frame(at === 0 ? FrameType.headers : FrameType.continuation, flags, streamId, part));
    }
  }

  sendReset(streamId: number, code: number): void {
    this.send(frameOfUint32(FrameType.reset, streamId, code));
  }

  /** @param streamId 0 for all streams together */
  sendWindowUpdate(streamId: number, bytes: number): void {
    this.send(frameOfUint32(FrameType.windowUpdate, streamId, bytes));
  }

  /** The stream has data or its end to send, if it may. */
  ready(stream: Http2Stream): void {
    if (!stream.sendable) return;
    this.#ready.add(stream);
    this.#schedule();
  }

  forget(stream: Http2Stream): void {
    this.#ready.delete(stream);
  }

  /** Lets all streams together send `bytes` more. False when that is more than a window can be. */
  openWindow(bytes: number): boolean {
    this.#window += bytes;
    this.#schedule();
    return this.#window <= maxWindowBytes;
  }

  /** Writes no more. */
  end(): void {
    this.#ended = true;
    this.#control = [];
    this.#ready.clear();
  }

  #schedule(): void {
    if (this.#scheduled || this.#ended) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#ended || this.#pipe.destroyed) return;
    this.#pipe.cork();
    this.#flushControl();
    // A stream that has more to send comes back at the end of the set, and so of this loop.
    for (const stream of this.#ready) {
      if (this.#pipe.writableNeedDrain && this.#pipe.writableLength >= pipeBytes) break;
      if (this.#window > 0 || stream.queued.length === 0) this.#sendTurn(stream);
    }
    this.#flushControl();
    this.#pipe.uncork();
  }

  #flushControl(): void {
    const frames = this.#control;
    if (frames.length === 0) return;
    this.#control = [];
    this.#pipe.write(frames.length === 1 ? frames[0] : Buffer.concat(frames));
  }

  #sendTurn(stream: Http2Stream): void {
    this.#ready.delete(stream);
    for (let left = turnBytes; left > 0; ) {
      const { length } = stream.queued;
      const bytes = Math.min(left, this.peerFrameBytes, length, stream.sendWindow, this.#window);
      if (bytes <= 0) break;
      this.#writeData(stream, bytes);
      stream.sendWindow -= bytes;
      this.#window -= bytes;
      left -= bytes;
    }
    stream.afterSend();
    this.#flushControl();
    if (stream.sendable) this.#ready.add(stream);
  }

  /** One DATA frame. Small pieces are copied into one with its header: each that the pipe is given costs more than that. */
  #writeData(stream: Http2Stream, bytes: number): void {
    let small = [frameHeader(bytes, FrameType.data, 0, stream.id)];
    for (let left = bytes; left > 0; ) {
      const piece = stream.queued.takeSome(left);
      left -= piece.length;
      small.push(piece);
      if (piece.length < smallBytes && left > 0) continue;
      const large = piece.length < smallBytes ? undefined : small.pop();
      if (small.length > 0) this.#pipe.write(small.length === 1 ? small[0] : Buffer.concat(small));
      if (large !== undefined) this.#pipe.write(large);
      small = [];
    }
  }
}
