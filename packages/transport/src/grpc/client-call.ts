import { Http2Code } from "../http2/frame.ts";
import type { HeaderPair } from "../http2/hpack-decoder.ts";
import type { Http2Stream, StreamLostError, StreamReceiver } from "../http2/http2-stream.ts";
import { foreignAnswer } from "./foreign-answer.ts";
import { MessageReader } from "./message-reader.ts";
import { Metadata } from "./metadata.ts";
import { decodeStatus, type GrpcStatus, StatusCode, statusOf } from "./status.ts";

/** What the maker of a call is told. */
export interface CallEvents {
  /** The answer begins. Never called for one that is not gRPC. */
  readonly onStart?: (headers: Metadata) => void;
  /** What it throws ends the call, with the status `Internal` or that of a `CallError`. Nothing else here may throw. */
  readonly onMessage: (message: Buffer) => void;
  /** Whether `onMessage` is handed the data of `BytesMessage`s in the pieces in which it comes, in place of messages. */
  readonly takesBytes?: boolean;
  /** How the call ended, after the last message. A stream that breaks is a status as well. */
  readonly onEnd: (status: GrpcStatus, trailers: Metadata) => void;
  /** There is room again after `send` has answered false; also when the call has ended, and nothing is sent any more. */
  readonly onDrain: () => void;
}

/** A call that we make on a stream of its own, with messages in both directions. */
export class ClientCall implements StreamReceiver {
  readonly #stream: Http2Stream;
  readonly #events: CallEvents;
  readonly #reader: MessageReader;
  #started = false;
  #received: GrpcStatus | undefined;
  #trailers: Metadata = none;
  #remoteEnded = false;
  #settled = false;

  /** @param open begins the request */
  constructor(open: (receiver: StreamReceiver) => Http2Stream, events: CallEvents) {
    this.#events = events;
    this.#reader = new MessageReader((bytes) => this.#stream.consumed(bytes));
    if (events.takesBytes === true) this.#reader.takeBytes();
    this.#reader.onMessage = events.onMessage;
    this.#stream = open(this);
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

  /** Gives the call up; `status` is how it ends then. */
  cancel(status: GrpcStatus = givenUp): void {
    this.#stream.reset(Http2Code.cancel);
    this.#settle(status);
  }

  headers(lines: readonly HeaderPair[]): void {
    const block = new Metadata(lines);
    this.#received = decodeStatus((name) => block.get(name)) ?? this.#received;
    if (this.#started) {
      this.#trailers = block;
      return;
    }
    this.#started = true;
    const foreign = this.#received === undefined ? foreignAnswer(block) : undefined;
    if (foreign === undefined) this.#events.onStart?.(block);
    else this.cancel(foreign);
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
    // What came before that may be waiting here for a reader that pauses: all of it is the reader's.
    do this.#reader.resume();
    while (!this.#deliver() && !this.#settled);
    this.#settle(this.#received ?? lostStatus(error));
  }

  drain(): void {
    this.#events.onDrain();
  }

  /** Whether all that has come is handed over. */
  #deliver(): boolean {
    try {
      const isAll = this.#reader.deliver();
      if (isAll && this.#remoteEnded) {
        const cut = this.#reader.partial && this.#received?.code === StatusCode.ok;
        this.#settle(cut ? cutShort : (this.#received ?? noStatus));
      }
      return isAll;
    } catch (error) {
      this.cancel(statusOf(error, StatusCode.internal));
      return true;
    }
  }

  #settle(status: GrpcStatus): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#reader.onMessage = undefined;
    this.#events.onEnd(status, this.#trailers);
    this.#events.onDrain();
  }
}

const none = new Metadata([]);

const givenUp: GrpcStatus = { code: StatusCode.canceled, message: "the call was given up" };
const noStatus: GrpcStatus = { code: StatusCode.internal, message: "the call ended without a status" };
const cutShort: GrpcStatus = { code: StatusCode.internal, message: "the answer ends within a message" };

/** What gRPC says of a stream that was lost before its status came. */
function lostStatus(lost: StreamLostError): GrpcStatus {
  return { code: lostCode(lost.resetCode), message: lost.message, lost };
}

function lostCode(resetCode: number | undefined): number {
  switch (resetCode) {
    case Http2Code.cancel:
      return StatusCode.canceled;
    case undefined:
    case Http2Code.noError:
    case Http2Code.refusedStream:
      return StatusCode.unavailable;
    case Http2Code.enhanceYourCalm:
      return StatusCode.resourceExhausted;
    default:
      return StatusCode.internal;
  }
}
