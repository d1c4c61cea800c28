import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import path from "node:path";
import { finished, Writable } from "node:stream";
import { WritableStream } from "node:stream/web";
import { promisify } from "node:util";
import { BuildkitError, onAbort } from "@buildkit-node/core";
import type { Metadata, ServerCall } from "@buildkit-node/transport";
import { bytesMessageData } from "@buildkit-node/transport/internal";
import { cannotWrite } from "../fsutil/destination-error.ts";
import type { ExportSink } from "./export-sink.ts";

/** Where bytes go: a file's path, or a stream that is ended with the last byte. */
export type ByteDestination = string | Writable | WritableStream<Uint8Array>;

export interface StreamSinkOptions {
  readonly dest: ByteDestination;
  /** Told what the daemon says about the result before its first byte. */
  readonly onMetadata?: (metadata: Metadata) => void;
}

/** Bytes that wait to be written before the daemon is made to wait. */
const bufferBytes = 1 << 20;

/**
 * Writes the byte stream of a `tar`, `oci` or `docker` exporter. A file is written beside its destination and takes its
 * place when the build has succeeded.
 */
export function streamSink(options: StreamSinkOptions): ExportSink {
  return typeof options.dest === "string"
    ? new FileSink(path.resolve(options.dest), options.onMetadata)
    : new WritableSink(options.dest, options.onMetadata);
}

class FileSink implements ExportSink {
  readonly #dest: string;
  readonly #temporary: string;
  readonly #onMetadata: StreamSinkOptions["onMetadata"];
  #received = false;

  constructor(dest: string, onMetadata: StreamSinkOptions["onMetadata"]) {
    this.#dest = dest;
    this.#temporary = path.join(path.dirname(dest), `.${path.basename(dest)}.${crypto.randomUUID()}.tmp`);
    this.#onMetadata = onMetadata;
  }

  async receive(call: ServerCall): Promise<void> {
    if (this.#received) throw secondStream();
    this.#received = true;
    this.#onMetadata?.(call.metadata);
    try {
      await pour(call, createWriteStream(this.#temporary, { flags: "wx", highWaterMark: bufferBytes }));
    } catch (error) {
      await this.discard();
      throw call.signal.aborted || BuildkitError.is(error) ? error : cannotWrite(this.#dest, error);
    }
  }

  async commit(): Promise<void> {
    if (!this.#received) return;
    try {
      await rename(this.#temporary, this.#dest);
    } catch (error) {
      await this.discard();
      throw cannotWrite(this.#dest, error);
    }
  }

  async discard(): Promise<void> {
    await rm(this.#temporary, { force: true });
  }
}

class WritableSink implements ExportSink {
  readonly #stream: Writable;
  readonly #onMetadata: StreamSinkOptions["onMetadata"];
  #received = false;

  constructor(dest: Writable | WritableStream<Uint8Array>, onMetadata: StreamSinkOptions["onMetadata"]) {
    this.#stream = dest instanceof WritableStream ? Writable.fromWeb(dest) : dest;
    this.#onMetadata = onMetadata;
  }

  async receive(call: ServerCall): Promise<void> {
    if (this.#received) throw secondStream();
    this.#received = true;
    this.#onMetadata?.(call.metadata);
    try {
      await pour(call, this.#stream);
    } catch (error) {
      throw call.signal.aborted || BuildkitError.is(error)
        ? error
        : cannotWrite("the stream given as destination", error);
    }
  }

  async commit(): Promise<void> {}

  async discard(): Promise<void> {
    if (!this.#stream.destroyed && !this.#stream.writableFinished) this.#stream.destroy();
  }
}

const streamFinished = promisify(finished);

/** Writes every byte of a call into a stream and ends it; on failure the stream is destroyed. */
async function pour(call: ServerCall, stream: Writable): Promise<void> {
  const done = streamFinished(stream, { readable: false });
  stream.on("drain", () => call.resume());
  using _lost = onAbort(call.signal, (reason) =>
    stream.destroy(reason instanceof Error ? reason : undefined),
  );
  const reading = call.read((message) => {
    const data = bytesMessageData(message);
    if (data.length > 0 && !stream.write(data)) call.pause();
  });
  reading.catch(() => {});
  try {
    await Promise.race([reading, done.then(() => undefined)]);
    stream.end();
    await done;
  } catch (error) {
    stream.destroy();
    await done.catch(() => {});
    throw error;
  }
}

function secondStream(): BuildkitError {
  return new BuildkitError("ERR_BUILDKIT_PROTOCOL", "the daemon sent the same result twice");
}
