import type { Duplex } from "node:stream";
import { type PromiseWithResolvers, withResolvers } from "../with-resolvers.ts";
import { clientPreface, FrameType, Http2Code, Setting } from "./frame.ts";
import type { HeaderBlock } from "./header-blocks.ts";
import type { HeaderPair } from "./hpack-decoder.ts";
import { Http2Endpoint, streamWindowBytes } from "./http2-endpoint.ts";
import { Http2Error } from "./http2-error.ts";
import { Http2Stream, StreamLostError, type StreamReceiver } from "./http2-stream.ts";

/** Stream numbers are odd and have 31 bits. */
const lastStreamId = 2 ** 31 - 1;

/** The side that calls. */
export class Http2Client extends Http2Endpoint {
  protected readonly lastPeerStreamId = 0;
  readonly #onEnded: (error: Error | undefined) => void;
  readonly #onIdle: () => void;
  readonly #greeted: PromiseWithResolvers<void> = withResolvers();
  #hasGreeted = false;
  #nextStreamId = 1;
  #maxStreams = Number.POSITIVE_INFINITY;
  /** Streams that the peer does not take yet, because it has as many as it wants. */
  readonly #waiting = new Set<Http2Stream>();
  #draining = false;

  constructor(
    pipe: Duplex,
    events: {
      /** The connection has ended; its streams are told next. */
      readonly onEnded?: (error: Error | undefined) => void;
      /** The last stream has ended. */
      readonly onIdle?: () => void;
    } = {},
  ) {
    super(pipe, "server");
    this.#onEnded = events.onEnded ?? (() => {});
    this.#onIdle = events.onIdle ?? (() => {});
    this.writer.send(clientPreface);
    this.greet([
      [Setting.enablePush, 0],
      [Setting.initialWindowSize, streamWindowBytes],
    ]);
  }

  /** Resolves when the peer has shown that it speaks HTTP/2: with SETTINGS, which every server sends unasked. */
  get greeted(): Promise<void> {
    return this.#greeted.promise;
  }

  /** Whether streams can be opened: not once the peer has said that it goes away, nor once the connection has ended. */
  get usable(): boolean {
    return !this.ended && !this.#draining && this.#nextStreamId <= lastStreamId;
  }

  /** Begins a request; its stream waits for its turn where the peer has enough of them. Only on a `usable` connection. */
  open(requestHeaders: readonly HeaderPair[], receiver: StreamReceiver): Http2Stream {
    const stream = new Http2Stream({
      role: "client",
      requestHeaders,
      receiver,
      owner: this,
      receiveWindow: streamWindowBytes,
    });
    if (this.streams.size < this.#maxStreams) this.#begin(stream);
    else this.#waiting.add(stream);
    return stream;
  }

  override finished(stream: Http2Stream): void {
    this.#waiting.delete(stream);
    super.finished(stream);
    this.#beginWaiting();
    if (this.streams.size + this.#waiting.size > 0) return;
    this.#onIdle();
    if (this.#draining) this.destroy();
  }

  protected override receivedHeaders({ streamId, endStream, lines }: HeaderBlock): void {
    const stream = this.streams.get(streamId);
    if (stream === undefined || stream.remoteEnded) return;
    // Informational answers come before the answer.
    if (!isInformational(lines)) stream.receiver.headers(lines);
    if (endStream) stream.receivedEnd();
  }

  override frame(type: number, flags: number, streamId: number, payload: Buffer): void {
    if (!this.#hasGreeted && type !== FrameType.settings)
      throw new Http2Error(Http2Code.protocolError, "the peer does not begin with its settings");
    super.frame(type, flags, streamId, payload);
    if (this.#hasGreeted) return;
    this.#hasGreeted = true;
    this.#greeted.resolve();
  }

  protected override applySetting(setting: number, value: number): void {
    super.applySetting(setting, value);
    if (setting !== Setting.maxConcurrentStreams) return;
    this.#maxStreams = value;
    this.#beginWaiting();
  }

  protected override receivedGoAway(last: number, code: number): void {
    this.#draining = true;
    if (code !== Http2Code.noError) {
      this.destroy(new Http2Error(code, `the peer ended the connection (code ${code})`));
      return;
    }
    const refused = new StreamLostError(
      Http2Code.refusedStream,
      "the peer goes away, and did not take the call",
    );
    const untaken = [...this.streams.values()].filter(({ id }) => id > last);
    for (const stream of [...untaken, ...this.#waiting]) stream.lose(refused);
    if (this.streams.size === 0) this.destroy();
  }

  protected override onEnded(error: Error | undefined): void {
    this.#onEnded(error);
    const lost = new StreamLostError(undefined, "the connection ended before the call began", {
      cause: error,
    });
    for (const stream of this.#waiting) stream.lose(lost);
  }

  #beginWaiting(): void {
    for (const stream of this.#waiting) {
      if (this.ended || this.streams.size >= this.#maxStreams) break;
      this.#waiting.delete(stream);
      this.#begin(stream);
    }
  }

  #begin(stream: Http2Stream): void {
    stream.begin(this.#nextStreamId, this.peerStreamWindow);
    this.#nextStreamId += 2;
    this.streams.set(stream.id, stream);
    this.sendHeaders(stream, stream.requestHeaders, false);
    this.ready(stream);
  }
}

function isInformational(lines: readonly HeaderPair[]): boolean {
  return lines.some(([name, value]) => name === ":status" && value.startsWith("1"));
}
