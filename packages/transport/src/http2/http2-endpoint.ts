import type { Duplex } from "node:stream";
import { errorMessage } from "@buildkit-node/core";
import { type PromiseWithResolvers, withResolvers } from "../with-resolvers.ts";
import { Flag, FrameType, frame, Http2Code, initialWindowBytes, Setting } from "./frame.ts";
import { type FrameHandler, FrameReader } from "./frame-reader.ts";
import { FrameWriter } from "./frame-writer.ts";
import { type HeaderBlock, HeaderBlocks } from "./header-blocks.ts";
import type { HeaderPair } from "./hpack-decoder.ts";
import { Http2Error } from "./http2-error.ts";
import { type Http2Stream, StreamLostError, type StreamOwner } from "./http2-stream.ts";

/** What a peer may send on one stream before its reader has taken it. */
export const streamWindowBytes: number = 4 << 20;
/** What a peer may send in all; streams hold back each for itself, so this only has to be large. */
const connectionWindowBytes = 256 << 20;

/**
 * One side of an HTTP/2 connection over any byte pipe: what gRPC needs, and no more.
 *
 * It stands in for `node:http2`, which joins repeated headers, breaks the connection (Node 20 without a word) for an answer
 * with more than 64 KiB of headers, as a failed build's can be, gives up on a request with 140 KiB of them, and writes a
 * GOAWAY when it closes, after which a daemon never calls again. On a pipe that is not a socket it takes several times the CPU.
 */
export abstract class Http2Endpoint implements FrameHandler, StreamOwner {
  protected readonly writer: FrameWriter;
  protected readonly streams: Map<number, Http2Stream> = new Map();
  /** What the peer takes on a stream before it has read any of it. */
  protected peerStreamWindow: number = initialWindowBytes;
  readonly #pipe: Duplex;
  readonly #reader: FrameReader;
  readonly #headers = new HeaderBlocks();
  #uncredited = 0;
  #ended = false;
  readonly #closed: PromiseWithResolvers<Error | undefined> = withResolvers();

  constructor(pipe: Duplex, peer: "client" | "server") {
    this.#pipe = pipe;
    this.writer = new FrameWriter(pipe);
    this.#reader = new FrameReader(this, peer);
    pipe.on("data", (chunk: Buffer) => this.#receive(chunk));
    pipe.on("end", () => this.destroy());
    pipe.on("close", () => this.destroy());
    pipe.on("error", (error: Error) => this.destroy(error));
  }

  /** A header block has come: a stream's first, an answer, or trailers. */
  protected abstract receivedHeaders(block: HeaderBlock): void;
  /** The last stream of ours that the peer has taken, to be told in a GOAWAY. */
  protected abstract readonly lastPeerStreamId: number;

  /** Resolves when the connection has ended, with the error when it ended before its time. Never rejects. */
  get closed(): Promise<Error | undefined> {
    return this.#closed.promise;
  }

  /** Streams that have not ended. */
  get activeStreams(): number {
    return this.streams.size;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Ends the connection and every stream on it; idempotent. The pipe itself is its owner's to end. */
  destroy(error?: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.writer.end();
    this.onEnded(error);
    const why = error === undefined ? "" : `: ${error.message}`;
    const lost = new StreamLostError(undefined, `the connection ended during the call${why}`, {
      cause: error,
    });
    for (const stream of this.streams.values()) stream.lose(lost);
    this.#closed.resolve(error);
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
    const stream = this.streams.get(streamId);
    if (stream === undefined || stream.remoteEnded) return;
    if (!stream.received(piece.length)) {
      throw new Http2Error(Http2Code.flowControlError, "the peer sent more than it was allowed");
    }
    stream.receiver.data(piece);
  }

  dataEnd(streamId: number, endStream: boolean, paddingBytes: number): void {
    if (paddingBytes > 0) this.#credit(paddingBytes);
    const stream = this.streams.get(streamId);
    if (stream === undefined) return;
    if (paddingBytes > 0 && stream.received(paddingBytes)) stream.consumed(paddingBytes);
    if (endStream && !stream.remoteEnded) stream.receivedEnd();
  }

  frame(type: number, flags: number, streamId: number, payload: Buffer): void {
    if (this.#headers.isOpen && type !== FrameType.continuation) {
      throw new Http2Error(Http2Code.protocolError, "another frame came in the middle of a header block");
    }
    switch (type) {
      case FrameType.headers:
        this.#headersCame(this.#headers.begin(flags, streamId, payload));
        break;
      case FrameType.continuation:
        this.#headersCame(this.#headers.continue(flags, streamId, payload));
        break;
      case FrameType.settings:
        if ((flags & Flag.ack) === 0) this.#applySettings(payload);
        break;
      case FrameType.ping:
        if ((flags & Flag.ack) === 0) this.writer.send(frame(FrameType.ping, Flag.ack, 0, payload));
        break;
      case FrameType.windowUpdate:
        this.#openWindow(streamId, uint32(payload, 0) & 0x7fffffff);
        break;
      case FrameType.reset:
        this.#lose(streamId, uint32(payload, 0));
        break;
      case FrameType.goAway:
        this.receivedGoAway(uint32(payload, 0) & 0x7fffffff, uint32(payload, 4));
        break;
      case FrameType.pushPromise:
        throw new Http2Error(Http2Code.protocolError, "the peer pushes what nobody has asked for");
      default:
      // PRIORITY asks nothing of us; unknown types are to be ignored.
    }
  }

  #headersCame(block: HeaderBlock | undefined): void {
    if (block !== undefined) this.receivedHeaders(block);
  }

  #applySettings(payload: Buffer): void {
    for (let at = 0; at + 6 <= payload.length; at += 6) {
      this.applySetting(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
    }
    this.writer.send(frame(FrameType.settings, Flag.ack, 0, Buffer.alloc(0)));
    for (const stream of this.streams.values()) this.ready(stream);
  }

  protected applySetting(setting: number, value: number): void {
    if (setting === Setting.maxFrameSize) this.writer.peerFrameBytes = value;
    if (setting !== Setting.initialWindowSize) return;
    for (const stream of this.streams.values()) stream.sendWindow += value - this.peerStreamWindow;
    this.peerStreamWindow = value;
  }

  #openWindow(streamId: number, bytes: number): void {
    if (streamId === 0) {
      if (this.writer.openWindow(bytes)) return;
      throw new Http2Error(Http2Code.flowControlError, "a window is too large");
    }
    const stream = this.streams.get(streamId);
    if (stream === undefined) return;
    stream.sendWindow += bytes;
    this.ready(stream);
  }

  #lose(streamId: number, code: number): void {
    const error = new StreamLostError(code, `the peer gave the call up (code ${code})`);
    this.streams.get(streamId)?.lose(error);
  }

  /** The peer takes no new streams, and none after `lastStreamId`. */
  protected receivedGoAway(_lastStreamId: number, _code: number): void {}

  /** Called at the connection's end, before its streams are lost. */
  protected onEnded(_error: Error | undefined): void {}

  #credit(bytes: number): void {
    this.#uncredited += bytes;
    if (this.#uncredited < connectionWindowBytes / 16) return;
    this.writer.sendWindowUpdate(0, this.#uncredited);
    this.#uncredited = 0;
  }

  // What we send.

  /** The first frames. */
  protected greet(settings: readonly (readonly [setting: number, value: number])[]): void {
    const payload = Buffer.alloc(6 * settings.length);
    for (const [index, [setting, value]] of settings.entries()) {
      payload.writeUInt16BE(setting, 6 * index);
      payload.writeUInt32BE(value, 6 * index + 2);
    }
    this.writer.send(frame(FrameType.settings, 0, 0, payload));
    this.writer.sendWindowUpdate(0, connectionWindowBytes - initialWindowBytes);
  }

  sendHeaders(stream: Http2Stream, lines: readonly HeaderPair[], endStream: boolean): void {
    this.writer.sendHeaders(stream.id, lines, endStream);
  }

  sendEnd(stream: Http2Stream): void {
    this.writer.send(frame(FrameType.data, Flag.endStream, stream.id, Buffer.alloc(0)));
  }

  sendReset(stream: Http2Stream, code: number): void {
    if (stream.id !== 0) this.writer.sendReset(stream.id, code);
  }

  sendWindowUpdate(stream: Http2Stream, bytes: number): void {
    this.writer.sendWindowUpdate(stream.id, bytes);
  }

  ready(stream: Http2Stream): void {
    this.writer.ready(stream);
  }

  finished(stream: Http2Stream): void {
    this.streams.delete(stream.id);
    this.writer.forget(stream);
  }

  #fail(error: Http2Error): void {
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(this.lastPeerStreamId, 0);
    payload.writeUInt32BE(error.http2Code, 4);
    this.#pipe.write(frame(FrameType.goAway, 0, 0, payload));
    this.destroy(error);
    this.#pipe.destroy();
  }
}

function uint32(payload: Buffer, at: number): number {
  if (payload.length < at + 4) throw new Http2Error(Http2Code.frameSizeError, "a frame is too short");
  return payload.readUInt32BE(at);
}

function internalError(thrown: unknown): Http2Error {
  return new Http2Error(Http2Code.internalError, errorMessage(thrown), { cause: thrown });
}
