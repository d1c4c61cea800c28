import { BuildkitError } from "@buildkit-node/core";
import { ByteQueue } from "../byte-queue.ts";
import { Http2Code } from "./frame.ts";
import type { HeaderPair } from "./hpack-decoder.ts";

/** Receives what the peer sends on one stream. */
export interface StreamReceiver {
  /** Header lines other than those that began the stream: an answer's, and after its body its trailers. */
  headers(lines: readonly HeaderPair[]): void;
  /** A piece of the body. Room for more is made by `Http2Stream.consumed`. */
  data(piece: Buffer): void;
  /** The peer will send no more. */
  end(): void;
  /** The stream is gone before both sides had ended it: reset by the peer, or lost with its connection. */
  lost(error: StreamLostError): void;
  /** What was written has gone below the mark again. */
  drain(): void;
}

/** A stream ended before its time. */
export class StreamLostError extends BuildkitError {
  override readonly name: string = "StreamLostError";
  /** The code with which the peer gave this stream up (RFC 9113, 7); absent when the connection broke. */
  readonly resetCode: number | undefined;

  constructor(resetCode: number | undefined, message: string, options?: { readonly cause?: unknown }) {
    super("ERR_BUILDKIT_CONNECTION_LOST", message, options);
    this.resetCode = resetCode;
  }
}

/** What a stream needs from its connection. */
export interface StreamOwner {
  sendHeaders(stream: Http2Stream, lines: readonly HeaderPair[], endStream: boolean): void;
  /** Ends our side of a stream by itself. */
  sendEnd(stream: Http2Stream): void;
  sendReset(stream: Http2Stream, code: number): void;
  sendWindowUpdate(stream: Http2Stream, bytes: number): void;
  /** The stream has data or its end to send. */
  ready(stream: Http2Stream): void;
  /** The stream is over for this side. */
  finished(stream: Http2Stream): void;
}

/** Bytes that wait in a stream before `write` asks its caller to stop. */
const highWaterBytes = 1 << 20;

/** One request and its answer, from either side. */
export class Http2Stream {
  readonly role: "client" | "server";
  /** The lines that began the stream: the request's. */
  readonly requestHeaders: readonly HeaderPair[];
  receiver: StreamReceiver;
  /** Bytes that the peer lets us send. */
  sendWindow = 0;
  /** For the connection: what was written and not sent yet. */
  readonly queued: ByteQueue = new ByteQueue();
  readonly #owner: StreamOwner;
  readonly #windowBytes: number;
  #id = 0;
  #uncredited = 0;
  /** What the peer may still send before it needs an update. */
  #receiveWindow: number;
  #full = false;
  /** What ends our side: trailers, or none. */
  #ending: readonly HeaderPair[] | undefined;
  #localEnded = false;
  #remoteEnded = false;
  #gone = false;

  constructor(options: {
    readonly role: "client" | "server";
    readonly requestHeaders: readonly HeaderPair[];
    readonly receiver?: StreamReceiver;
    readonly owner: StreamOwner;
    readonly receiveWindow: number;
  }) {
    this.role = options.role;
    this.requestHeaders = options.requestHeaders;
    this.receiver = options.receiver ?? ignoring;
    this.#owner = options.owner;
    this.#windowBytes = options.receiveWindow;
    this.#receiveWindow = options.receiveWindow;
  }

  /** The stream's number; 0 until it has begun. */
  get id(): number {
    return this.#id;
  }

  /** The answer's headers. */
  respond(lines: readonly HeaderPair[]): void {
    if (!this.#gone) this.#owner.sendHeaders(this, lines, false);
  }

  /** Queues bytes; they must not change any more. False asks to wait for `receiver.drain`. */
  write(bytes: Buffer): boolean {
    if (this.#gone || this.#ending !== undefined || bytes.length === 0) return true;
    this.queued.push(bytes);
    this.#owner.ready(this);
    // Full until `drain` says otherwise: whoever waits for that must not miss it because another wrote little.
    if (this.queued.length >= highWaterBytes) this.#full = true;
    return !this.#full;
  }

  /** Ends our side, after what was written. */
  end(trailers: readonly HeaderPair[] = []): void {
    if (this.#gone || this.#ending !== undefined) return;
    this.#ending = trailers;
    this.#owner.ready(this);
  }

  /** Gives the stream up. Its receiver is told nothing. */
  reset(code: number): void {
    if (this.#gone) return;
    this.#owner.sendReset(this, code);
    this.#leave();
  }

  /** Lets the peer send `bytes` more. */
  consumed(bytes: number): void {
    if (this.#remoteEnded || this.#gone) return;
    this.#uncredited += bytes;
    if (this.#uncredited < this.#windowBytes / 4) return;
    this.#owner.sendWindowUpdate(this, this.#uncredited);
    this.#receiveWindow += this.#uncredited;
    this.#uncredited = 0;
  }

  /** True once nothing that is written is sent any more. */
  get closed(): boolean {
    return this.#gone;
  }

  /** True once the peer has ended its side. */
  get remoteEnded(): boolean {
    return this.#remoteEnded;
  }

  /** For the connection: the stream has its number and may send. */
  begin(id: number, sendWindow: number): void {
    this.#id = id;
    this.sendWindow = sendWindow;
  }

  /** For the connection: takes received body bytes into account; false when they are more than was allowed. */
  received(bytes: number): boolean {
    this.#receiveWindow -= bytes;
    return this.#receiveWindow >= 0;
  }

  /** For the connection: the peer has ended its side. */
  receivedEnd(): void {
    this.#remoteEnded = true;
    this.receiver.end();
    // Nobody reads what a client has still to send once its answer is complete.
    if (this.role === "client" && !this.#localEnded) this.reset(Http2Code.noError);
    this.#finishWhenBothEnded();
  }

  /** For the connection: the stream is gone. */
  lose(error: StreamLostError): void {
    if (this.#gone) return;
    this.#leave();
    this.receiver.lost(error);
  }

  /** For the connection: whether there is something that may be sent now. */
  get sendable(): boolean {
    if (this.#gone || this.#localEnded || this.#id === 0) return false;
    return this.queued.length > 0 ? this.sendWindow > 0 : this.#ending !== undefined;
  }

  /** For the connection: ends our side once nothing else waits, or tells a writer that waits to go on. */
  afterSend(): void {
    if (this.queued.length === 0 && this.#ending !== undefined && !this.#localEnded) {
      this.#endLocal(this.#ending);
    } else if (this.#full && this.queued.length < highWaterBytes / 2) {
      this.#full = false;
      this.receiver.drain();
    }
  }

  #endLocal(trailers: readonly HeaderPair[]): void {
    this.#localEnded = true;
    if (trailers.length > 0) this.#owner.sendHeaders(this, trailers, true);
    else this.#owner.sendEnd(this);
    if (this.role === "server") {
      // A client that is still sending learns so that nobody reads it any more.
      if (!this.#remoteEnded) this.#owner.sendReset(this, Http2Code.noError);
      this.#remoteEnded = true;
    }
    this.#finishWhenBothEnded();
  }

  #finishWhenBothEnded(): void {
    if (this.#localEnded && this.#remoteEnded && !this.#gone) this.#leave();
  }

  #leave(): void {
    this.#gone = true;
    this.queued.clear();
    this.#owner.finished(this);
  }
}

const ignoring: StreamReceiver = {
  headers: () => {},
  data: () => {},
  end: () => {},
  lost: () => {},
  drain: () => {},
};
