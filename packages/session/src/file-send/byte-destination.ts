import type { FileHandle } from "node:fs/promises";
import { PassThrough, Writable } from "node:stream";
import type { WritableStream as WebStream } from "node:stream/web";
import { BuildkitError } from "@buildkit-node/core";

/**
 * Where bytes go: a file's path; an open file, written from where it stands and left open; a stream, which is ended with
 * the last byte; or a function that takes them as they come.
 */
export type ByteDestination = string | FileHandle | Writable | WebStream<Uint8Array> | ByteConsumer;

/** Takes bytes as they come. The export ends with its promise; to leave the loop before the end fails the export. */
export type ByteConsumer = (bytes: AsyncIterable<Uint8Array>) => Promise<unknown>;

/** A destination that is no path, ready for its first byte. */
export interface OpenDestination {
  readonly stream: Writable;
  /** Settles when the function behind the stream has taken everything. */
  readonly consumed?: Promise<void>;
}

/** Bytes that wait to be written before the daemon is made to wait. */
export const bufferBytes: number = 1 << 20;

export function openDestination(dest: Exclude<ByteDestination, string>): OpenDestination {
  if (typeof dest === "function") return openConsumer(dest);
  if (dest instanceof WritableStream) return { stream: Writable.fromWeb(dest) };
  return { stream: isFileHandle(dest) ? openFile(dest) : dest };
}

/** Gives up a destination that has been sent nothing. */
export async function abandonDestination(dest: Exclude<ByteDestination, string>): Promise<void> {
  if (dest instanceof WritableStream) await dest.abort().catch(() => {});
  else if (dest instanceof Writable) dest.destroy();
}

/** The handle's own stream keeps the handle from being closed. */
function openFile(handle: FileHandle): Writable {
  return new Writable({
    highWaterMark: bufferBytes,
    write: (chunk: Buffer, _encoding, callback) => {
      handle.writeFile(chunk).then(() => callback(), callback);
    },
  });
}

function openConsumer(consumer: ByteConsumer): OpenDestination {
  // Pieces stay what they are: a stream of bytes would copy all that waits into one.
  const stream = new PassThrough({ writableHighWaterMark: bufferBytes, readableObjectMode: true });
  const consumed = Promise.resolve(stream)
    .then(consumer)
    .then(() => {
      if (stream.readableEnded) return;
      throw new BuildkitError(
        "ERR_BUILDKIT_DESTINATION",
        "the function that takes the result has returned before the result's end",
      );
    });
  consumed.catch((error: Error) => stream.destroy(error));
  return { stream, consumed };
}

function isFileHandle(dest: FileHandle | Writable): dest is FileHandle {
  return "createWriteStream" in dest;
}
