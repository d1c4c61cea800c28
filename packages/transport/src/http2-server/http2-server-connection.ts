import type { Duplex } from "node:stream";
import { errorMessage } from "@buildkit-node/core";
import {
  defaultFrameBytes,
  Flag,
  FrameType,
  frame,
  frameHeader,
  frameOfUint32,
  Http2Code,
  Setting,
} from "./frame.ts";
import { type FrameHandler, FrameReader, unpad } from "./frame-reader.ts";
import { type HeaderPair, HpackDecoder } from "./hpack-decoder.ts";
import { encodeHeaderBlock } from "./hpack-encoder.ts";
import { Http2Error } from "./http2-error.ts";
import { Http2ServerStream, StreamLostError, type StreamOwner } from "./http2-server-stream.ts";

/** What a peer may send on one stream before its reader has taken it. */
const streamWindowBytes = 4 << 20;
/** What a peer may send in all; streams hold back each for itself, so this only has to be large. */
const connectionWindowBytes = 256 << 20;
/** A request's headers. A daemon puts every ignore rule of a build into them. */
const maxHeaderBlockBytes = 16 << 20;
/** Calls at a time; a daemon makes a handful. */
const maxStreams = 4096;
/** What one stream may send before the next one has its turn. */
const turnBytes = 64 << 10;
const initialWindowBytes = 65_535;
const maxWindowBytes = 2 ** 31 - 1;

/**
 * The server's side of one HTTP/2 connection over any byte pipe: what a BuildKit daemon's session needs, and no more.
 *
 * It stands in for `node:http2`, which takes several times the CPU on a pipe that is not a socket, joins repeated headers,
 * gives up on a header block of more than about 140 KiB, and writes a GOAWAY when it closes, after which a daemon never
 * calls again.
 */
export class Http2ServerConnection implements FrameHandler, StreamOwner {
  /** Resolves when the connection has ended, with the error when it ended before its time. Never rejects. */
  readonly closed: Promise<Error | undefined>;
  readonly #duplex: Duplex;
  readonly #onStream: (stream: Http2ServerStream) => void;
  readonly #reader = new FrameReader(this);
  readonly #hpack = new HpackDecoder();
  readonly #streams = new Map<number, Http2ServerStream>();
  readonly #ready = new Set<Http2ServerStream>();
  #control: Buffer[] = [];
  #lastStreamId = 0;
  #uncredited = 0;
  #sendWindow = initialWindowBytes;
  #peerStreamWindow = initialWindowBytes;
  #peerFrameBytes = defaultFrameBytes;
  #headerBlock: { streamId: number; endStream: boolean; parts: Buffer[]; bytes: number } | undefined;
  #flushScheduled = false;
  #ended = false;
  #resolveClosed!: (error: Error | undefined) => void;

  constructor(duplex: Duplex, onStream: (stream: Http2ServerStream) => void) {
    this.#duplex = duplex;
    this.#onStream = onStream;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    duplex.on("data", (chunk: Buffer) => this.#receive(chunk));
    duplex.on("drain", () => this.#flush());
    duplex.on("end", () => this.destroy());
    duplex.on("close", () => this.destroy());
    duplex.on("error", (error: Error) => this.destroy(error));
    this.#greet();
  }

  /** Streams that have not ended. */
  get activeStreams(): number {
    return this.#streams.size;
  }

  /** Ends the connection and every stream on it; idempotent. The pipe itself is its owner's to end. */
  destroy(error?: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#control = [];
    this.#ready.clear();
    const why = error === undefined ? "" : `: ${error.message}`;
    for (const stream of this.#streams.values()) {
      stream.lose(new StreamLostError(false, `the connection ended during the call${why}`, { cause: error }));
    }
    this.#resolveClosed(error);
  }

  // What the peer sends.

  #receive(chunk: Buffer): void {
    if (this.#ended) return;
    try {
      this.#reader.push(chunk);
    } catch (thrown) {
      const error = thrown instanceof Http2Error ? thrown : internalError(thrown);
      this.#fail(error);
    }
  }

  data(streamId: number, piece: Buffer): void {
    this.#credit(piece.length);
    const stream = this.#streams.get(streamId);
    if (stream === undefined || stream.remoteEnded) return;
    if (!stream.received(piece.length)) {
      throw new Http2Error(Http2Code.flowControlError, "the peer sent more than it was allowed");
    }
    stream.receiver.data(piece);
  }

  dataEnd(streamId: number, endStream: boolean, paddingBytes: number): void {
    if (paddingBytes > 0) this.#credit(paddingBytes);
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    if (paddingBytes > 0 && stream.received(paddingBytes)) stream.consumed(paddingBytes);
    if (endStream && !stream.remoteEnded) stream.receivedEnd();
  }

  frame(type: number, flags: number, streamId: number, payload: Buffer): void {
    if (this.#headerBlock !== undefined && type !== FrameType.continuation) {
      throw new Http2Error(Http2Code.protocolError, "another frame came in the middle of a header block");
    }
    switch (type) {
      case FrameType.headers:
        this.#startHeaders(flags, streamId, payload);
        break;
      case FrameType.continuation:
        this.#continueHeaders(flags, streamId, payload);
        break;
      case FrameType.settings:
        if ((flags & Flag.ack) === 0) this.#applySettings(payload);
        break;
      case FrameType.ping:
        if ((flags & Flag.ack) === 0) this.#sendControl(frame(FrameType.ping, Flag.ack, 0, payload));
        break;
      case FrameType.windowUpdate:
        this.#openWindow(streamId, uint32(payload) & 0x7fffffff);
        break;
      case FrameType.reset:
        this.#lose(streamId, uint32(payload));
        break;
      default:
      // PRIORITY and GOAWAY ask nothing of us; unknown types are to be ignored.
    }
  }

  #startHeaders(flags: number, streamId: number, payload: Buffer): void {
    if (streamId % 2 === 0)
      throw new Http2Error(Http2Code.protocolError, "a request has an even stream number");
    const unpadded = unpad(payload, flags);
    const part = (flags & Flag.priority) === 0 ? unpadded : unpadded.subarray(5);
    const endStream = (flags & Flag.endStream) !== 0;
    this.#headerBlock = { streamId, endStream, parts: [part], bytes: part.length };
    if ((flags & Flag.endHeaders) !== 0) this.#completeHeaders();
  }

  #continueHeaders(flags: number, streamId: number, payload: Buffer): void {
    const block = this.#headerBlock;
    if (block?.streamId !== streamId)
      throw new Http2Error(Http2Code.protocolError, "a header block has no start");
    block.parts.push(payload);
    block.bytes += payload.length;
    if (block.bytes > maxHeaderBlockBytes) {
      throw new Http2Error(
        Http2Code.enhanceYourCalm,
        `a request has more than ${maxHeaderBlockBytes} bytes of headers`,
      );
    }
    if ((flags & Flag.endHeaders) !== 0) this.#completeHeaders();
  }

  #completeHeaders(): void {
    const block = this.#headerBlock;
    if (block === undefined) return;
    this.#headerBlock = undefined;
    const headers = this.#decodeHeaders(
      block.parts.length === 1 ? block.parts[0] : Buffer.concat(block.parts),
    );
    const existing = this.#streams.get(block.streamId);
    if (existing !== undefined) {
      if (block.endStream && !existing.remoteEnded) existing.receivedEnd();
      return;
    }
    if (block.streamId <= this.#lastStreamId) return;
    this.#lastStreamId = block.streamId;
    if (this.#streams.size >= maxStreams) {
      this.#sendControl(frameOfUint32(FrameType.reset, block.streamId, Http2Code.refusedStream));
      return;
    }
    const stream = new Http2ServerStream({
      id: block.streamId,
      headers,
      owner: this,
      sendWindow: this.#peerStreamWindow,
      receiveWindow: streamWindowBytes,
    });
    this.#streams.set(stream.id, stream);
    this.#onStream(stream);
    if (block.endStream) stream.receivedEnd();
  }

  #decodeHeaders(block: Buffer | undefined): HeaderPair[] {
    try {
      return this.#hpack.decode(block ?? Buffer.alloc(0));
    } catch (thrown) {
      throw new Http2Error(Http2Code.compressionError, errorMessage(thrown), { cause: thrown });
    }
  }

  #applySettings(payload: Buffer): void {
    for (let at = 0; at + 6 <= payload.length; at += 6) {
      const value = payload.readUInt32BE(at + 2);
      const setting = payload.readUInt16BE(at);
      if (setting === Setting.maxFrameSize) this.#peerFrameBytes = value;
      if (setting !== Setting.initialWindowSize) continue;
      for (const stream of this.#streams.values()) stream.sendWindow += value - this.#peerStreamWindow;
      this.#peerStreamWindow = value;
    }
    this.#sendControl(frame(FrameType.settings, Flag.ack, 0, Buffer.alloc(0)));
    for (const stream of this.#streams.values()) this.ready(stream);
  }

  #openWindow(streamId: number, bytes: number): void {
    if (streamId === 0) {
      this.#sendWindow += bytes;
      if (this.#sendWindow > maxWindowBytes)
        throw new Http2Error(Http2Code.flowControlError, "a window is too large");
      this.#scheduleFlush();
      return;
    }
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    stream.sendWindow += bytes;
    this.ready(stream);
  }

  #lose(streamId: number, code: number): void {
    const error = new StreamLostError(true, `the peer gave the call up (code ${code})`);
    this.#streams.get(streamId)?.lose(error);
  }

  #credit(bytes: number): void {
    this.#uncredited += bytes;
    if (this.#uncredited < connectionWindowBytes / 16) return;
    this.#sendControl(frameOfUint32(FrameType.windowUpdate, 0, this.#uncredited));
    this.#uncredited = 0;
  }

  // What we send.

  #greet(): void {
    const settings = Buffer.alloc(6);
    settings.writeUInt16BE(Setting.initialWindowSize, 0);
    settings.writeUInt32BE(streamWindowBytes, 2);
    this.#sendControl(frame(FrameType.settings, 0, 0, settings));
    this.#sendControl(frameOfUint32(FrameType.windowUpdate, 0, connectionWindowBytes - initialWindowBytes));
  }

  sendHeaders(stream: Http2ServerStream, lines: readonly HeaderPair[], endStream: boolean): void {
    const block = encodeHeaderBlock(lines);
    const end = endStream ? Flag.endStream : 0;
    for (let at = 0; at === 0 || at < block.length; at += defaultFrameBytes) {
      const part = block.subarray(at, at + defaultFrameBytes);
      const flags = (at === 0 ? end : 0) | (at + defaultFrameBytes >= block.length ? Flag.endHeaders : 0);
      this.#sendControl(frame(at === 0 ? FrameType.headers : FrameType.continuation, flags, stream.id, part));
    }
  }

  sendReset(stream: Http2ServerStream, code: number): void {
    this.#sendControl(frameOfUint32(FrameType.reset, stream.id, code));
  }

  sendWindowUpdate(stream: Http2ServerStream, bytes: number): void {
    this.#sendControl(frameOfUint32(FrameType.windowUpdate, stream.id, bytes));
  }

  ready(stream: Http2ServerStream): void {
    if (!stream.sendable) return;
    this.#ready.add(stream);
    this.#scheduleFlush();
  }

  finished(stream: Http2ServerStream): void {
    this.#streams.delete(stream.id);
    this.#ready.delete(stream);
  }

  #sendControl(bytes: Buffer): void {
    if (this.#ended) return;
    this.#control.push(bytes);
    this.#scheduleFlush();
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled || this.#ended) return;
    this.#flushScheduled = true;
    queueMicrotask(() => {
      this.#flushScheduled = false;
      this.#flush();
    });
  }

  /** Writes as much as the peer's windows and the pipe take, each stream in its turn. */
  #flush(): void {
    if (this.#ended || this.#duplex.destroyed) return;
    this.#duplex.cork();
    this.#flushControl();
    // A stream that has more to send comes back at the end of the set, and so of this loop.
    for (const stream of this.#ready) {
      if (this.#duplex.writableNeedDrain) break;
      if (this.#sendWindow > 0 || stream.queuedBytes === 0) this.#sendTurn(stream);
    }
    this.#flushControl();
    this.#duplex.uncork();
  }

  #flushControl(): void {
    const frames = this.#control;
    if (frames.length === 0) return;
    this.#control = [];
    this.#duplex.write(frames.length === 1 ? frames[0] : Buffer.concat(frames));
  }

  #sendTurn(stream: Http2ServerStream): void {
    this.#ready.delete(stream);
    for (let left = turnBytes; left > 0; ) {
      const limit = Math.min(left, this.#peerFrameBytes, stream.sendWindow, this.#sendWindow);
      if (limit <= 0 || stream.queuedBytes === 0) break;
      const piece = stream.take(limit);
      this.#duplex.write(frameHeader(piece.length, FrameType.data, 0, stream.id));
      this.#duplex.write(piece);
      this.#sendWindow -= piece.length;
      left -= piece.length;
    }
    stream.afterSend();
    this.#flushControl();
    if (stream.sendable) this.#ready.add(stream);
  }

  #fail(error: Http2Error): void {
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(this.#lastStreamId, 0);
    payload.writeUInt32BE(error.http2Code, 4);
    this.#duplex.write(frame(FrameType.goAway, 0, 0, payload));
    this.destroy(error);
    this.#duplex.destroy();
  }
}

function uint32(payload: Buffer): number {
  if (payload.length < 4) throw new Http2Error(Http2Code.frameSizeError, "a frame is too short");
  return payload.readUInt32BE(0);
}

function internalError(thrown: unknown): Http2Error {
  return new Http2Error(Http2Code.internalError, errorMessage(thrown), { cause: thrown });
}
