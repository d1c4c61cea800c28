import { createWriteStream } from "node:fs";
import { realpath, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { finished, type Writable } from "node:stream";
import { promisify } from "node:util";
import { BuildkitError, onAbort } from "@buildkit-node/core";
import type { Metadata, ServerCall } from "@buildkit-node/transport";
import { cannotWrite, notReceived } from "../fsutil/destination-error.ts";
import {
  abandonDestination,
  type ByteDestination,
  bufferBytes,
  openDestination,
} from "./byte-destination.ts";
import type { ExportSink } from "./export-sink.ts";
import { partialPath } from "./partial-path.ts";

export interface StreamSinkOptions {
  readonly dest: ByteDestination;
  /** Told what the daemon says about the result before its first byte; a promise holds the bytes back. */
  readonly onMetadata?: (metadata: Metadata) => void | Promise<void>;
}

/** Takes the one byte stream of an exporter. */
export interface StreamSink extends ExportSink {
  /** How many bytes there were. */
  readonly receivedBytes: number;
}

/**
 * Writes the byte stream of a `tar`, `oci` or `docker` exporter. A file is written beside its destination and takes its
 * place when the build has succeeded; where a link has its name, it goes where that leads. A device or a named pipe is written to.
 */
export function streamSink(options: StreamSinkOptions): StreamSink {
  const { dest, onMetadata } = options;
  return typeof dest === "string"
    ? new FileSink(path.resolve(dest), onMetadata)
    : new WritableSink(dest, onMetadata);
}

class FileSink implements StreamSink {
  receivedBytes = 0;
  readonly #dest: string;
  readonly #onMetadata: StreamSinkOptions["onMetadata"];
  #received = false;
  /** Set while there is a file that is to take its place. */
  #partial: { readonly path: string; readonly place: string } | undefined;

  constructor(dest: string, onMetadata: StreamSinkOptions["onMetadata"]) {
    this.#dest = dest;
    this.#onMetadata = onMetadata;
  }

  async receive(call: ServerCall): Promise<void> {
    if (this.#received) throw secondStream();
    this.#received = true;
    await this.#onMetadata?.(call.metadata);
    try {
      this.receivedBytes = await pour(call, await this.#open());
    } catch (error) {
      await this.discard();
      throw call.signal.aborted || BuildkitError.is(error) ? error : cannotWrite(this.#dest, error);
    }
  }

  async commit(): Promise<void> {
    if (!this.#received) throw notReceived(this.#dest);
    if (this.#partial === undefined) return;
    try {
      await rename(this.#partial.path, this.#partial.place);
    } catch (error) {
      await this.discard();
      throw cannotWrite(this.#dest, error);
    }
  }

  async discard(): Promise<void> {
    if (this.#partial !== undefined) await rm(this.#partial.path, { force: true });
  }

  async #open(): Promise<Writable> {
    const existing = await stat(this.#dest).catch(() => undefined);
    // Nothing takes the place of a device or a named pipe.
    if (existing !== undefined && !existing.isFile() && !existing.isDirectory()) {
      return createWriteStream(this.#dest, { highWaterMark: bufferBytes });
    }
    const place = await realpath(this.#dest).catch(() => this.#dest);
    this.#partial = { path: partialPath(place), place };
    return createWriteStream(this.#partial.path, { flags: "wx", highWaterMark: bufferBytes });
  }
}

class WritableSink implements StreamSink {
  receivedBytes = 0;
  readonly #dest: Exclude<ByteDestination, string>;
  readonly #onMetadata: StreamSinkOptions["onMetadata"];
  #stream: Writable | undefined;
  #received = false;

  constructor(dest: Exclude<ByteDestination, string>, onMetadata: StreamSinkOptions["onMetadata"]) {
    this.#dest = dest;
    this.#onMetadata = onMetadata;
  }

  async receive(call: ServerCall): Promise<void> {
    if (this.#received) throw secondStream();
    this.#received = true;
    await this.#onMetadata?.(call.metadata);
    const { stream, consumed } = openDestination(this.#dest);
    this.#stream = stream;
    try {
      this.receivedBytes = await pour(call, stream);
      await consumed;
    } catch (error) {
      if (call.signal.aborted) throw error;
      // What a function threw of its own accord goes to the caller as it is.
      await consumed;
      throw BuildkitError.is(error) ? error : cannotWrite("the destination that was given", error);
    }
  }

  async commit(): Promise<void> {
    if (!this.#received) throw notReceived("the destination that was given");
  }

  async discard(): Promise<void> {
    if (this.#stream === undefined) await abandonDestination(this.#dest);
    else if (!this.#stream.writableFinished) this.#stream.destroy();
  }
}

const streamFinished = promisify(finished);

/** Writes every byte of a call into a stream, ends it and counts them; on failure the stream is destroyed. */
async function pour(call: ServerCall, stream: Writable): Promise<number> {
  let count = 0;
  const done = streamFinished(stream, { readable: false });
  stream.on("drain", () => call.resume());
  using _lost = onAbort(call.signal, (reason) =>
    stream.destroy(reason instanceof Error ? reason : undefined),
  );
  const reading = call.readBytes((data) => {
    count += data.length;
    if (!stream.write(data)) call.pause();
  });
  reading.catch(() => {});
  try {
    await Promise.race([reading, done.then(() => undefined)]);
    stream.end();
    await done;
    return count;
  } catch (error) {
    stream.destroy(error instanceof Error ? error : undefined);
    await done.catch(() => {});
    throw error;
  }
}

function secondStream(): BuildkitError {
  return new BuildkitError("ERR_BUILDKIT_PROTOCOL", "the daemon sent the same result twice");
}
