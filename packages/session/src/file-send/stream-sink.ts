import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import path from "node:path";
import { finished, type Writable } from "node:stream";
import { promisify } from "node:util";
import { BuildkitError, onAbort } from "@buildkit-node/core";
import type { Metadata, ServerCall } from "@buildkit-node/transport";
import { bytesMessageData } from "@buildkit-node/transport/internal";
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
 * place when the build has succeeded.
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
  readonly #temporary: string;
  readonly #onMetadata: StreamSinkOptions["onMetadata"];
  #received = false;

  constructor(dest: string, onMetadata: StreamSinkOptions["onMetadata"]) {
    this.#dest = dest;
    this.#temporary = partialPath(dest);
    this.#onMetadata = onMetadata;
  }

  async receive(call: ServerCall): Promise<void> {
    if (this.#received) throw secondStream();
    this.#received = true;
    await this.#onMetadata?.(call.metadata);
    try {
      const file = createWriteStream(this.#temporary, { flags: "wx", highWaterMark: bufferBytes });
      this.receivedBytes = await pour(call, file);
    } catch (error) {
      await this.discard();
      throw call.signal.aborted || BuildkitError.is(error) ? error : cannotWrite(this.#dest, error);
    }
  }

  async commit(): Promise<void> {
    if (!this.#received) throw notReceived(this.#dest);
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
  const reading = call.read((message) => {
    const data = bytesMessageData(message);
    count += data.length;
    if (data.length > 0 && !stream.write(data)) call.pause();
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
