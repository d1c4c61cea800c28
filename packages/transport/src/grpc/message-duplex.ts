import { Duplex } from "node:stream";
import type { Http2Stream, StreamReceiver } from "../http2/http2-stream.ts";
import { withResolvers } from "../with-resolvers.ts";
import { dataTag } from "./bytes-decoder.ts";
import { ClientCall } from "./client-call.ts";
import { writePrefix } from "./frame-message.ts";
import { prefixBytes } from "./message-decoder.ts";
import type { Metadata } from "./metadata.ts";
import type { GrpcStatus } from "./status.ts";

/** Bytes that wait on our side before a writer is asked to stop. */
const bufferBytes = 1 << 20;
/** A tag and the longest length that a message can have. */
const fieldPrefixBytes = 6;

/** The answer to a call. */
export interface CallResponse {
  /** Resolves when the answer begins; rejects when it never does, for which `status` has the reason. */
  readonly started: Promise<Metadata>;
  /** How the call ended, after the last message. Never rejects: a stream that breaks is a status as well. */
  readonly status: Promise<GrpcStatus>;
}

/**
 * A byte pipe inside a gRPC call whose messages are `BytesMessage { bytes data = 1 }`, both ways.
 *
 * Empty messages are neither sent nor passed on: a daemon takes an empty one for the bytes of an earlier message.
 */
export class MessageDuplex extends Duplex {
  /** The daemon's answer to the call. */
  readonly response: CallResponse;
  readonly #call: ClientCall;
  /** Of the writer that waits for room. */
  #written: (() => void) | undefined;

  /** @param open begins the call's request */
  constructor(open: (receiver: StreamReceiver) => Http2Stream) {
    super({ readableHighWaterMark: bufferBytes, writableHighWaterMark: bufferBytes, autoDestroy: true });
    const started = withResolvers<Metadata>();
    const status = withResolvers<GrpcStatus>();
    started.promise.catch(() => {});
    this.response = { started: started.promise, status: status.promise };
    this.#call = new ClientCall(open, {
      takesBytes: true,
      onStart: started.resolve,
      onMessage: (data) => {
        if (!this.push(data)) this.#call.pause();
      },
      onEnd: (ended) => {
        started.reject(new Error("the call ended before it was answered"));
        status.resolve(ended);
        this.push(null);
      },
      onDrain: () => this.#drained(),
    });
  }

  override _read(): void {
    this.#call.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.#send([chunk], callback);
  }

  override _writev(chunks: { chunk: Buffer; encoding: BufferEncoding }[], callback: () => void): void {
    this.#send(
      chunks.map(({ chunk }) => chunk),
      callback,
    );
  }

  override _final(callback: () => void): void {
    this.#call.endSending();
    callback();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#call.cancel();
    callback(error);
  }

  /** Sends the chunks as one message. */
  #send(chunks: readonly Buffer[], callback: () => void): void {
    const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    if (length === 0) {
      callback();
      return;
    }
    let room = this.#call.send(messagePrefix(length));
    for (const chunk of chunks) room = this.#call.send(chunk);
    if (room) callback();
    else this.#written = callback;
  }

  #drained(): void {
    const written = this.#written;
    this.#written = undefined;
    written?.();
  }
}

/** Everything of a framed `BytesMessage` before its data. */
function messagePrefix(length: number): Buffer {
  const prefix = Buffer.allocUnsafe(prefixBytes + fieldPrefixBytes);
  let end = prefixBytes;
  prefix[end++] = dataTag;
  let rest = length;
  for (; rest >= 0x80; rest >>>= 7) prefix[end++] = (rest & 0x7f) | 0x80;
  prefix[end++] = rest;
  writePrefix(prefix, 0, end - prefixBytes + length);
  return prefix.subarray(0, end);
}

/** The data of a serialised `BytesMessage`, as a view of it. The field is the message's only one. */
export function bytesMessageData(message: Buffer): Buffer {
  if (message[0] !== dataTag) return message.subarray(0, 0);
  let at = 1;
  while ((message[at] ?? 0) >= 0x80) at++;
  return message.subarray(at + 1);
}

/** A framed `BytesMessage` in two parts, so that the data need not be copied. */
export function framedBytesMessage(data: Buffer): [prefix: Buffer, data: Buffer] {
  return [messagePrefix(data.length), data];
}
