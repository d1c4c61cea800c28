import { abortable, BoundedQueue } from "@buildkit-node/core";
import { Http2Code } from "../http2/frame.ts";
import type { Http2Stream, StreamLostError, StreamReceiver } from "../http2/http2-stream.ts";
import { type PromiseWithResolvers, withResolvers } from "../with-resolvers.ts";
import { frameMessage } from "./frame-message.ts";
import { MessageReader } from "./message-reader.ts";
import { Metadata } from "./metadata.ts";
import { CallError, encodeStatus, type GrpcStatus, StatusCode } from "./status.ts";

/**
 * A call that a daemon makes to us, of whatever kind: its messages come one by one, ours are sent at any time.
 * The handler's promise ends it: a result with the status OK, an error with the status that it stands for.
 */
export interface ServerCall {
  /** `/service/Method`. */
  readonly path: string;
  readonly metadata: Metadata;
  /** Aborted when the call ended before its time: the peer gave it up, or the connection broke. */
  readonly signal: AbortSignal;
  /**
   * Hands over each message as soon as it is there, which saves the loop's promises where there are many. Resolves when
   * the peer has ended its side; rejects when the call is lost, or with what `onMessage` threw. A message is a view of
   * what was received: it may be kept, and then keeps a larger piece of memory with it.
   */
  read(onMessage: (message: Buffer) => void): Promise<void>;
  /** The same for a call of `BytesMessage`s: hands over their data, in the pieces in which it comes. */
  readBytes(onData: (data: Buffer) => void): Promise<void>;
  /** Stops `read`'s messages; the peer is made to wait once its window is full. */
  pause(): void;
  resume(): void;
  /** The messages one by one, for calls that carry few. Leaving the loop stops reading; it does not end the call. */
  messages(): AsyncIterable<Buffer>;
  /** Sends a message. False asks to wait for `writable` before the next one. */
  send(message: Uint8Array): boolean;
  /** Sends bytes that are messages with their prefixes already; they must not change any more. */
  sendFramed(bytes: Buffer): boolean;
  /** Resolves when there is room to send; rejects when the call is lost. */
  writable(): Promise<void>;
}

/** A `ServerCall` over one stream of our HTTP/2 server. */
export class Http2ServerCall implements ServerCall, StreamReceiver {
  readonly path: string;
  readonly metadata: Metadata;
  readonly #stream: Http2Stream;
  readonly #lost = new AbortController();
  readonly #reader: MessageReader;
  #ended: PromiseWithResolvers<void> | undefined;
  #remoteEnded = false;
  #responded = false;
  #full = false;
  #drained: PromiseWithResolvers<void> | undefined;

  constructor(stream: Http2Stream) {
    this.#stream = stream;
    this.#reader = new MessageReader((bytes) => stream.consumed(bytes));
    this.metadata = new Metadata(stream.requestHeaders);
    this.path = this.metadata.get(":path") ?? "";
    stream.receiver = this;
  }

  get signal(): AbortSignal {
    return this.#lost.signal;
  }

  read(onMessage: (message: Buffer) => void): Promise<void> {
    this.#reader.onMessage = onMessage;
    this.#ended = withResolvers();
    this.#deliver();
    return abortable(this.#ended.promise, this.signal);
  }

  readBytes(onData: (data: Buffer) => void): Promise<void> {
    this.#reader.takeBytes();
    return this.read(onData);
  }

  pause(): void {
    this.#reader.pause();
  }

  resume(): void {
    this.#reader.resume();
    this.#deliver();
  }

  async *messages(): AsyncGenerator<Buffer, void, undefined> {
    const waiting = new BoundedQueue<Buffer>({
      limit: 1,
      onDrain: () => this.resume(),
      onReturn: () => this.pause(),
    });
    const onMessage = (message: Buffer) => {
      if (!waiting.push(message)) this.pause();
    };
    this.read(onMessage).then(
      () => waiting.end(),
      (error: unknown) => waiting.end({ error }),
    );
    yield* waiting;
  }

  send(message: Uint8Array): boolean {
    return this.sendFramed(frameMessage(message));
  }

  sendFramed(bytes: Buffer): boolean {
    this.#respond();
    this.#full = !this.#stream.write(bytes);
    return !this.#full;
  }

  writable(): Promise<void> {
    if (this.signal.aborted) return Promise.reject(this.signal.reason);
    if (!this.#full) return Promise.resolve();
    this.#drained ??= withResolvers();
    return abortable(this.#drained.promise, this.signal);
  }

  /** Ends the call. An answer that has neither message nor headers before it is trailers alone. */
  finish(status: GrpcStatus): void {
    const trailers = encodeStatus(status);
    this.#stream.end(this.#responded ? trailers : [...responseHeaders, ...trailers]);
  }

  /** Gives the call up without an answer. */
  abandon(): void {
    this.#stream.reset(Http2Code.cancel);
  }

  headers(): void {
    // The trailers of a request: gRPC has none.
  }

  data(piece: Buffer): void {
    this.#reader.push(piece);
    this.#deliver();
  }

  end(): void {
    this.#remoteEnded = true;
    this.#deliver();
  }

  lost(error: StreamLostError): void {
    // A daemon gives a call up right behind its last word, which may be waiting here for a reader that paused.
    this.resume();
    this.#lost.abort(error);
  }

  drain(): void {
    this.#full = false;
    this.#drained?.resolve();
    this.#drained = undefined;
  }

  #respond(): void {
    if (this.#responded) return;
    this.#responded = true;
    this.#stream.respond(responseHeaders);
  }

  #deliver(): void {
    const ended = this.#ended;
    if (ended === undefined) return;
    try {
      if (!this.#reader.deliver() || !this.#remoteEnded) return;
      if (this.#reader.partial)
        ended.reject(new CallError(StatusCode.internal, "the request ends within a message"));
      else ended.resolve();
    } catch (error) {
      this.#reader.onMessage = undefined;
      ended.reject(error);
    }
  }
}

const responseHeaders: readonly (readonly [string, string])[] = [
  [":status", "200"],
  ["content-type", "application/grpc"],
];
