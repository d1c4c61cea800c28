import { clientPreface, defaultFrameBytes, Flag, FrameType, frameHeaderBytes, Http2Code } from "./frame.ts";
import { Http2Error } from "./http2-error.ts";

/** Receives what a peer sent. Buffers are views of what came in: they stay valid, and may be kept. */
export interface FrameHandler {
  /** A piece of a DATA frame's payload; the frame's pieces come in order. */
  data(streamId: number, piece: Buffer): void;
  /** The end of a DATA frame. `paddingBytes` were part of it and count for flow control alone. */
  dataEnd(streamId: number, endStream: boolean, paddingBytes: number): void;
  /** Any other frame, whole. */
  frame(type: number, flags: number, streamId: number, payload: Buffer): void;
}

/** Cuts a peer's byte stream into frames. DATA passes through in pieces as it arrives, without a copy. */
export class FrameReader {
  readonly #handler: FrameHandler;
  /** Gathers the preface, a frame's header, or a whole payload that came in several pieces. */
  #gather: Buffer = Buffer.allocUnsafe(clientPreface.length);
  #gathered = 0;
  #state: "preface" | "header" | "payload" | "data";
  #type = 0;
  #flags = 0;
  #streamId = 0;
  #dataLeft = 0;
  /** What `#fill` used of its chunk. */
  #taken = 0;

  /** @param peer a client begins with the preface */
  constructor(handler: FrameHandler, peer: "client" | "server") {
    this.#handler = handler;
    this.#state = peer === "client" ? "preface" : "header";
  }

  /** Throws an `Http2Error` when the peer breaks the protocol; nothing may be pushed after that. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#state === "data") {
        at = this.#passData(chunk, at);
        continue;
      }
      if (this.#state === "header" && this.#gathered === 0 && chunk.length - at >= frameHeaderBytes) {
        // Nearly all headers: read where they are.
        this.#startFrame(chunk, at);
        at += frameHeaderBytes;
        continue;
      }
      const whole = this.#fill(chunk, at);
      at += this.#taken;
      if (whole !== undefined) this.#complete(whole);
    }
  }

  /** What was gathered once it is complete; a view of the chunk itself where that holds all of it. */
  #fill(chunk: Buffer, at: number): Buffer | undefined {
    const wanted = this.#wanted();
    const available = chunk.length - at;
    if (this.#gathered === 0 && available >= wanted) {
      this.#taken = wanted;
      return chunk.subarray(at, at + wanted);
    }
    if (this.#gathered === 0) this.#gather = Buffer.allocUnsafe(wanted);
    this.#taken = Math.min(wanted - this.#gathered, available);
    chunk.copy(this.#gather, this.#gathered, at, at + this.#taken);
    this.#gathered += this.#taken;
    if (this.#gathered < wanted) return undefined;
    this.#gathered = 0;
    return this.#gather;
  }

  #wanted(): number {
    if (this.#state === "preface") return clientPreface.length;
    return this.#state === "header" ? frameHeaderBytes : this.#dataLeft;
  }

  #complete(bytes: Buffer): void {
    if (this.#state === "preface") {
      if (!bytes.equals(clientPreface)) {
        throw new Http2Error(Http2Code.protocolError, "the peer does not speak HTTP/2");
      }
      this.#state = "header";
    } else if (this.#state === "header") {
      this.#startFrame(bytes, 0);
    } else {
      this.#endFrame(bytes);
    }
  }

  #startFrame(bytes: Buffer, at: number): void {
    const length = bytes.readUIntBE(at, 3);
    if (length > defaultFrameBytes)
      throw new Http2Error(Http2Code.frameSizeError, `a frame of ${length} bytes is too large`);
    this.#type = bytes[at + 3] ?? 0;
    this.#flags = bytes[at + 4] ?? 0;
    this.#streamId = bytes.readUInt32BE(at + 5) & 0x7fffffff;
    this.#dataLeft = length;
    const plainData = this.#type === FrameType.data && (this.#flags & Flag.padded) === 0;
    if (length === 0) this.#endFrame(Buffer.alloc(0));
    else this.#state = plainData ? "data" : "payload";
  }

  #passData(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.#dataLeft);
    this.#dataLeft -= end - at;
    this.#handler.data(this.#streamId, chunk.subarray(at, end));
    if (this.#dataLeft === 0) {
      this.#state = "header";
      this.#handler.dataEnd(this.#streamId, (this.#flags & Flag.endStream) !== 0, 0);
    }
    return end;
  }

  #endFrame(payload: Buffer): void {
    this.#state = "header";
    if (this.#type !== FrameType.data) {
      this.#handler.frame(this.#type, this.#flags, this.#streamId, payload);
      return;
    }
    const body = unpad(payload, this.#flags);
    if (body.length > 0) this.#handler.data(this.#streamId, body);
    this.#handler.dataEnd(this.#streamId, (this.#flags & Flag.endStream) !== 0, payload.length - body.length);
  }
}

/** A payload without its padding. */
export function unpad(payload: Buffer, flags: number): Buffer {
  if ((flags & Flag.padded) === 0) return payload;
  const padding = payload[0] ?? 0;
  if (padding >= payload.length) throw new Http2Error(Http2Code.protocolError, "a frame is all padding");
  return payload.subarray(1, payload.length - padding);
}
