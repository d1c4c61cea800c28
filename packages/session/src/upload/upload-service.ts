import { Readable } from "node:stream";
import type { ReadableStream as WebStream } from "node:stream/web";
import { onAbort } from "@buildkit-node/core";
import { Upload } from "@buildkit-node/proto/upload";
import { CallError, methodPath, type ServerCall, StatusCode } from "@buildkit-node/transport";
import { framedBytesMessage, randomId } from "@buildkit-node/transport/internal";
import type { Attachable } from "../attachable.ts";

/** Anything that can be read once, piece by piece; texts are sent as UTF-8. */
export type UploadSource = Uint8Array | Readable | WebStream<Uint8Array> | AsyncIterable<Uint8Array | string>;

/** Streams that a daemon fetches by URL, such as a build context that is a tar. */
export interface UploadService extends Attachable {
  /**
   * Offers a stream and answers the URL under which a build finds it, for instance as its `context`. It can be fetched
   * once. A stream that is never fetched is its owner's to close.
   */
  add(source: UploadSource): string;
}

/** The host under which daemons find what a session offers. */
const sessionUrl = "http://buildkit-session/";

/** Daemons take messages of 16 MiB, older ones of 4 MiB. */
const maxPieceBytes = 3 * 1024 * 1024;

export function uploadService(): UploadService {
  const sources = new Map<string, UploadSource>();
  return {
    methods: new Map([[methodPath(Upload.method.pull), (call: ServerCall) => pull(call, sources)]]),
    add(source) {
      const id = randomId();
      sources.set(id, source);
      return `${sessionUrl}${id}`;
    },
  };
}

async function pull(call: ServerCall, sources: Map<string, UploadSource>): Promise<void> {
  const path = call.metadata.get("urlpath") ?? "";
  const id = path.slice(path.lastIndexOf("/") + 1);
  const source = sources.get(id);
  if (source === undefined) {
    throw new CallError(StatusCode.notFound, `nothing to upload under ${path}: it can be fetched once only`);
  }
  sources.delete(id);
  const stream = readableOf(source);
  using _aborted = onAbort(call.signal, () => stream.destroy());
  for await (const piece of stream) await send(call, bytesOf(piece));
}

function readableOf(source: UploadSource): Readable {
  if (source instanceof Readable) return source;
  if (source instanceof ReadableStream) return Readable.fromWeb(source);
  return Readable.from(source instanceof Uint8Array ? [source] : source);
}

function bytesOf(piece: Uint8Array | string): Buffer {
  return typeof piece === "string"
    ? Buffer.from(piece)
    : Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
}

async function send(call: ServerCall, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; at += maxPieceBytes) {
    for (const part of framedBytesMessage(bytes.subarray(at, at + maxPieceBytes))) call.sendFramed(part);
    await call.writable();
  }
}
