import { BuildkitError } from "@buildkit-node/core";
import { ByteQueue } from "../byte-queue.ts";
import { Http2Code } from "./frame.ts";
import type { HeaderPair } from "./hpack-decoder.ts";

/** Receives what the peer sends on one stream. */
export interface StreamReceiver {
  /** A piece of the body. Room for more is made by `Http2ServerStream.consumed`. */
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
  /** True when the peer gave this call up, false when the connection broke. */
  readonly byPeer: boolean;

  constructor(byPeer: boolean, message: string, options?: { readonly cause?: unknown }) {
    super("ERR_BUILDKIT_CONNECTION_LOST", message, options);
    this.byPeer = byPeer;
  }
}

/** What a stream needs from its connection. */
export interface StreamOwner {
  sendHeaders(stream: Http2ServerStream, lines: readonly HeaderPair[], endStream: boolean): void;
  sendReset(stream: Http2ServerStream, code: number): void;
  sendWindowUpdate(stream: Http2ServerStream, bytes: number): void;
  /** The stream has data or its end to send. */
  ready(stream: Http2ServerStream): void;
  /** Both sides have ended the stream. */
  finished(stream: Http2ServerStream): void;
}

/** Bytes that wait in a stream before `write` asks its caller to stop. */
const highWaterBytes = 1 << 20;

/** The server's side of one request. It is used by the gRPC server, which sets `receiver` at once. */
export class Http2ServerStream {
  readonly id: number;
  readonly headers: readonly HeaderPair[];
  receiver: StreamReceiver = ignoring;
  /** Bytes that the peer lets us send. */
  sendWindow: number;
  readonly #owner: StreamOwner;
  readonly #windowBytes: number;
  #uncredited = 0;
  /** What the peer may still send before it needs an update. */
  #receiveWindow: number;
  readonly #queue = new ByteQueue();
  #full = false;
  #trailers: readonly HeaderPair[] | undefined;
  #localEnded = false;
  #remoteEnded = false;
  #gone = false;

  constructor(options: {
    readonly id: number;
    readonly headers: readonly HeaderPair[];
    readonly owner: StreamOwner;
    readonly sendWindow: number;
    readonly receiveWindow: number;
  }) {
    this.id = options.id;
    this.headers = options.headers;
    this.#owner = options.owner;
    this.sendWindow = options.sendWindow;
    this.#windowBytes = options.receiveWindow;
    this.#receiveWindow = options.receiveWindow;
  }

  respond(lines: readonly HeaderPair[]): void {
    if (!this.#gone) this.#owner.sendHeaders(this, lines, false);
  }

  /** Queues bytes; they must not change any more. False asks to wait for `receiver.drain`. */
  write(bytes: Buffer): boolean {
    if (this.#gone || this.#trailers !== undefined || bytes.length === 0) return true;
    this.#queue.push(bytes);
    this.#owner.ready(this);
    // Full until `drain` says otherwise: whoever waits for that must not miss it because another wrote little.
    if (this.#queue.length >= highWaterBytes) this.#full = true;
    return !this.#full;
  }

  /** Ends our side, after what was written. */
  end(trailers: readonly HeaderPair[]): void {
    if (this.#gone || this.#trailers !== undefined) return;
    this.#trailers = trailers;
    this.#owner.ready(this);
  }

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

  /** Bytes that were written and not sent yet. */
  get queuedBytes(): number {
    return this.#queue.length;
  }

  /** True once the peer has ended its side. */
  get remoteEnded(): boolean {
    return this.#remoteEnded;
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
    if (this.#gone || this.#localEnded) return false;
    return this.#queue.length > 0 ? this.sendWindow > 0 : this.#trailers !== undefined;
  }

  /** For the connection: takes the next piece of at most `limit` queued bytes, which are then no longer ours. */
  take(limit: number): Buffer {
    const piece = this.#queue.takeSome(limit);
    this.sendWindow -= piece.length;
    return piece;
  }

  /** For the connection: sends the trailers once nothing else waits, and tells a writer that waits to go on. */
  afterSend(): void {
    if (this.#queue.length === 0 && this.#trailers !== undefined && !this.#localEnded) {
      this.#localEnded = true;
      this.#owner.sendHeaders(this, this.#trailers, true);
      // A client that is still sending learns so that nobody reads it any more.
      if (!this.#remoteEnded) this.#owner.sendReset(this, Http2Code.noError);
      this.#remoteEnded = true;
      this.#finishWhenBothEnded();
    } else if (this.#full && this.#queue.length < highWaterBytes / 2) {
      this.#full = false;
      this.receiver.drain();
    }
  }

  #finishWhenBothEnded(): void {
    if (this.#localEnded && this.#remoteEnded && !this.#gone) this.#leave();
  }

  #leave(): void {
    this.#gone = true;
    this.#queue.clear();
    this.#owner.finished(this);
  }
}

const ignoring: StreamReceiver = { data: () => {}, end: () => {}, lost: () => {}, drain: () => {} };
