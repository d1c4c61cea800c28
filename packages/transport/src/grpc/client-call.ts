import { errorMessage } from "@buildkit-node/core";
import { Http2Code } from "../http2/frame.ts";
import type { HeaderPair } from "../http2/hpack-decoder.ts";
import type { Http2Stream, StreamLostError, StreamReceiver } from "../http2/http2-stream.ts";
import { type PromiseWithResolvers, withResolvers } from "../with-resolvers.ts";
import { MessageReader } from "./message-reader.ts";
import { Metadata } from "./metadata.ts";
import { decodeStatus, type GrpcStatus, StatusCode } from "./status.ts";

/** The answer to a call. */
export interface CallResponse {
  /** Resolves when the answer begins; rejects when it never does, for which `status` has the reason. */
  readonly started: Promise<Metadata>;
  /** How the call ended, after the last message. Never rejects: a stream that breaks is a status as well. */
  readonly status: Promise<GrpcStatus>;
}

/** What the maker of a call is told. Nothing here may throw. */
export interface CallEvents {
  readonly onMessage: (message: Buffer) => void;
  /** Whether `onMessage` is handed the data of `BytesMessage`s in the pieces in which it comes, in place of messages. */
  readonly takesBytes?: boolean;
  /** The last message has been handed over, or the call is lost. */
  readonly onEnd: () => void;
  /** There is room again after `send` has answered false; also when the call has ended, and nothing is sent any more. */
  readonly onDrain: () => void;
}

/** A call that we make on a stream of its own, with messages in both directions. */
export class ClientCall implements CallResponse, StreamReceiver {
  readonly #started: PromiseWithResolvers<Metadata> = withResolvers();
  readonly #status: PromiseWithResolvers<GrpcStatus> = withResolvers();
  readonly #stream: Http2Stream;
  readonly #events: CallEvents;
  readonly #reader: MessageReader;
  #received: GrpcStatus | undefined;
  #remoteEnded = false;
  #settled = false;

  /** @param open begins the request */
  constructor(open: (receiver: StreamReceiver) => Http2Stream, events: CallEvents) {
    this.#events = events;
    this.#reader = new MessageReader((bytes) => this.#stream.consumed(bytes));
    if (events.takesBytes === true) this.#reader.takeBytes();
    this.#reader.onMessage = events.onMessage;
    this.started.catch(() => {});
    this.#stream = open(this);
  }

  get started(): Promise<Metadata> {
    return this.#started.promise;
  }

  get status(): Promise<GrpcStatus> {
    return this.#status.promise;
  }

  /** True when nothing that is sent goes anywhere any more. */
  get closed(): boolean {
    return this.#stream.closed;
  }

  /** Sends bytes that are messages with their prefixes; they must not change any more. False asks to wait for `onDrain`. */
  send(bytes: Buffer): boolean {
    return this.#stream.write(bytes);
  }

  /** Sends no more. */
  endSending(): void {
    this.#stream.end();
  }

  /** Stops the messages; the daemon is made to wait once its window is full. */
  pause(): void {
    this.#reader.pause();
  }

  resume(): void {
    this.#reader.resume();
    this.#deliver();
  }

  /** Gives the call up. */
  cancel(): void {
    this.#stream.reset(Http2Code.cancel);
    this.#settle({ code: StatusCode.canceled, message: "the call was given up" });
  }

  headers(lines: readonly HeaderPair[]): void {
    const headers = new Metadata(lines);
    this.#received = decodeStatus((name) => headers.get(name)) ?? this.#received ?? httpFailure(headers);
    this.#started.resolve(headers);
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
    // What came before that may be waiting here for a reader that paused.
    this.#reader.resume();
    this.#deliver();
    this.#settle(this.#received ?? lostStatus(error));
  }

  drain(): void {
    this.#events.onDrain();
  }

  #deliver(): void {
    try {
      if (this.#reader.deliver() && this.#remoteEnded) this.#settle(this.#received ?? noStatus);
    } catch (error) {
      this.#reader.onMessage = undefined;
      this.#stream.reset(Http2Code.cancel);
      this.#settle({ code: StatusCode.internal, message: errorMessage(error) });
    }
  }

  #settle(status: GrpcStatus): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#started.reject(new Error("the call ended before it was answered"));
    this.#status.resolve(status);
    this.#events.onEnd();
    this.#events.onDrain();
  }
}

function httpFailure(headers: Metadata): GrpcStatus | undefined {
  const status = headers.get(":status");
  if (status === undefined || status === "200") return undefined;
  return { code: StatusCode.unavailable, message: `the peer answered with HTTP status ${status}` };
}

const noStatus: GrpcStatus = { code: StatusCode.internal, message: "the call ended without a status" };

/** What gRPC says of a stream that was lost before its status came. */
export function lostStatus({ resetCode, message }: StreamLostError): GrpcStatus {
  switch (resetCode) {
    case Http2Code.cancel:
      return { code: StatusCode.canceled, message };
    case undefined:
    case Http2Code.noError:
    case Http2Code.refusedStream:
      return { code: StatusCode.unavailable, message };
    case Http2Code.enhanceYourCalm:
      return { code: StatusCode.resourceExhausted, message };
    default:
      return { code: StatusCode.internal, message };
  }
}
