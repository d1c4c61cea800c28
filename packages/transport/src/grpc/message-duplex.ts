import type { ClientHttp2Stream } from "node:http2";
import { Duplex } from "node:stream";
import { writePrefix } from "./frame-message.ts";
import { prefixBytes } from "./message-decoder.ts";
import { type CallResponse, readResponse } from "./read-response.ts";

/** The tag of `BytesMessage.data`. */
const dataTag = 0x0a;
/** Bytes that wait on our side before a writer is asked to stop. */
const bufferBytes = 1 << 20;
/** A tag and the longest length that a message can have. */
const fieldPrefixBytes = 6;

/**
 * A byte pipe inside a gRPC call whose messages are `BytesMessage { bytes data = 1 }`, both ways.
 *
 * Empty messages are neither sent nor passed on: a daemon takes an empty one for the bytes of an earlier message.
 */
export class MessageDuplex extends Duplex {
  /** The daemon's answer to the call. */
  readonly response: CallResponse;
  readonly #stream: ClientHttp2Stream;

  constructor(stream: ClientHttp2Stream) {
    super({ readableHighWaterMark: bufferBytes, writableHighWaterMark: bufferBytes, autoDestroy: true });
    this.#stream = stream;
    this.response = readResponse(stream, (message) => {
      const data = bytesMessageData(message);
      if (data.length > 0 && !this.push(data)) stream.pause();
    });
    stream.once("end", () => this.push(null));
    stream.once("close", () => this.destroy());
  }

  override _read(): void {
    this.#stream.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#send([chunk], callback);
  }

  override _writev(
    chunks: { chunk: Buffer; encoding: BufferEncoding }[],
    callback: (error?: Error | null) => void,
  ): void {
    this.#send(
      chunks.map(({ chunk }) => chunk),
      callback,
    );
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#stream.end();
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (!this.#stream.closed) this.#stream.close();
    callback(error);
  }

  /** Sends the chunks as one message. */
  #send(chunks: Buffer[], callback: (error?: Error | null) => void): void {
    const stream = this.#stream;
    const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    if (length === 0 || stream.writableEnded || stream.destroyed) {
      callback();
      return;
    }
    stream.cork();
    stream.write(messagePrefix(length));
    let room = true;
    for (const chunk of chunks) room = stream.write(chunk);
    stream.uncork();
    if (room) callback();
    else this.#afterDrain(callback);
  }

  #afterDrain(callback: (error?: Error | null) => void): void {
    const done = () => {
      this.#stream.off("drain", done);
      this.#stream.off("close", done);
      callback();
    };
    this.#stream.once("drain", done);
    this.#stream.once("close", done);
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
