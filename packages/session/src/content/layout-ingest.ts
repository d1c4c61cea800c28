import { createReadStream } from "node:fs";
import { chmod, type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { BuildkitError, errorMessage } from "@buildkit-node/core";
import type { DigestText } from "@buildkit-node/oci";
import { DestinationError } from "../fsutil/destination-error.ts";
import { layoutMode, makeDirectories } from "../fsutil/make-directories.ts";
import { alreadyExists } from "./content-error.ts";
import type { ContentInfo } from "./content-store.ts";
import type { IngestDirectory } from "./ingest-directory.ts";
import type { Ingest } from "./ingest-writer.ts";

/** One unfinished blob on disk. */
export class LayoutIngest implements Ingest {
  readonly #directory: IngestDirectory;
  readonly #blobPath: (digest: string) => string;
  #handle: FileHandle;

  constructor(directory: IngestDirectory, handle: FileHandle, blobPath: (digest: string) => string) {
    this.#directory = directory;
    this.#handle = handle;
    this.#blobPath = blobPath;
  }

  async append(data: Uint8Array, offsetBytes: number): Promise<void> {
    try {
      for (let done = 0; done < data.length; ) {
        const { bytesWritten } = await this.#handle.write(data, done, data.length - done, offsetBytes + done);
        done += bytesWritten;
      }
    } catch (error) {
      throw storageError("write", this.#directory.dataPath, error);
    }
  }

  /** A new file, so that a process that still has the old one open cannot see its bytes change. */
  async restart(): Promise<void> {
    await this.#handle.close();
    await rm(this.#directory.dataPath, { force: true });
    this.#handle = await open(this.#directory.dataPath, "wx+");
  }

  bytes(): AsyncIterable<Uint8Array> {
    return createReadStream(this.#directory.dataPath);
  }

  async publish(digest: DigestText, sizeBytes: number): Promise<ContentInfo> {
    const { dataPath } = this.#directory;
    const blobPath = this.#blobPath(digest);
    try {
      await this.#handle.sync();
      const written = await this.#handle.stat();
      await this.#handle.close();
      makeDirectories(dirname(blobPath), layoutMode);
      if ((await sizeOf(blobPath)) === sizeBytes) throw alreadyExists(digest);
      const named = await stat(dataPath);
      if (named.ino !== written.ino || named.size !== sizeBytes) {
        throw new Error("another process has changed the file");
      }
      await rename(dataPath, blobPath);
      await syncDirectory(dirname(blobPath));
      await chmod(blobPath, written.mode & 0o444);
      await this.#directory.remove();
      return { digest, sizeBytes, createdAt: named.mtime, updatedAt: named.atime };
    } catch (error) {
      throw storageError(`store ${digest} from`, dataPath, error);
    }
  }

  async keep(updatedAt: Date): Promise<void> {
    await this.#close();
    await this.#directory.touch(updatedAt);
  }

  async drop(): Promise<void> {
    await this.#close();
    await this.#directory.remove();
  }

  async #close(): Promise<void> {
    // Closed already when publishing has got that far.
    await this.#handle.close().catch(() => {});
  }
}

/** The file's size, or nothing when there is none. */
export async function sizeOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    (found) => found.size,
    () => undefined,
  );
}

/** Makes the names in a directory durable, where the platform can. */
async function syncDirectory(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The error for what the file system said; a refusal of the store stays what it is. */
export function storageError(verb: string, path: string, cause: unknown): BuildkitError {
  if (BuildkitError.is(cause)) return cause;
  return new DestinationError(path, `cannot ${verb} ${path}: ${errorMessage(cause)}`, { cause });
}
