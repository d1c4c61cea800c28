import { constants, createReadStream, type Stats } from "node:fs";
import { type FileHandle, open, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { BuildkitError, InvalidArgumentError } from "@buildkit-node/core";
import { cannotRead, systemCode } from "../fsutil/local-source-error.ts";
import { BlobHasher, checkDigest, parseBlobDigest } from "./blob-digest.ts";
import { alreadyExists, ContentError, notFound } from "./content-error.ts";
import type {
  ContentInfo,
  ContentReadOptions,
  ContentStore,
  ContentWriteOptions,
  ContentWriter,
  IngestStatus,
} from "./content-store.ts";
import { IngestDirectory } from "./ingest-directory.ts";
import { IngestWriter, sameTotal } from "./ingest-writer.ts";
import { LayoutIngest, sizeOf, storageError } from "./layout-ingest.ts";
import { maxPieceBytes, readRange } from "./read-range.ts";
import { RefLocks } from "./ref-locks.ts";

/**
 * The blobs of an OCI image layout on disk: `blobs/<algorithm>/<hex>`, read-only once they are whole, and unfinished
 * ones under `ingest/` as containerd's local store keeps them. Nothing is created before the first write. What the layout
 * calls its images is in `index.json`, which `updateLayoutIndex` writes.
 *
 * A blob whose size differs from the one that a write announces counts as missing and is replaced.
 */
export function ociLayoutStore(dir: string): ContentStore {
  if (dir === "") throw new InvalidArgumentError("dir", dir, "the directory of an OCI layout is empty");
  return new OciLayoutStore(dir);
}

class OciLayoutStore implements ContentStore {
  readonly #dir: string;
  readonly #locks = new RefLocks();

  constructor(dir: string) {
    this.#dir = dir;
  }

  async info(digest: string): Promise<ContentInfo> {
    try {
      return infoOf(digest, await stat(this.#blobPath(digest)));
    } catch (error) {
      throw this.#explain(digest, error);
    }
  }

  async *read(digest: string, options: ContentReadOptions = {}): AsyncIterable<Uint8Array> {
    const handle = await this.#openBlob(digest);
    try {
      const { start, end } = readRange(digest, (await handle.stat()).size, options);
      for (let at = start; at < end; ) {
        const piece = Buffer.allocUnsafe(Math.min(maxPieceBytes, end - at));
        const { bytesRead } = await handle.read(piece, 0, piece.length, at).catch((error: unknown) => {
          throw this.#explain(digest, error);
        });
        if (bytesRead === 0)
          throw new ContentError("mismatch", digest, `content ${digest} ends at ${at} of ${end} bytes`);
        at += bytesRead;
        yield piece.subarray(0, bytesRead);
      }
    } finally {
      await handle.close();
    }
  }

  async openWriter(options: ContentWriteOptions): Promise<ContentWriter> {
    const { ref, totalBytes = 0, digest } = options;
    if (ref === "") throw new ContentError("invalid", ref, "a write needs a ref");
    const algorithm = digest === undefined ? "sha256" : parseBlobDigest(digest).algorithm;
    const unlock = this.#locks.take(ref);
    try {
      if (digest !== undefined && (await this.#has(digest, totalBytes))) throw alreadyExists(digest);
      const directory = IngestDirectory.forRef(this.#dir, ref);
      const hasher = new BlobHasher(algorithm);
      const opening = openIngest(directory, ref, totalBytes, hasher);
      const { status, handle } = await opening.catch((error: unknown) => {
        throw storageError("write", directory.path, error);
      });
      const ingest = new LayoutIngest(directory, handle, (stored) => this.#blobPath(stored));
      return new IngestWriter({ status, ingest, hasher, unlock });
    } catch (error) {
      unlock();
      throw error;
    }
  }

  async *list(): AsyncIterable<ContentInfo> {
    const blobs = join(this.#dir, "blobs");
    for (const algorithm of await readdir(blobs).catch(emptyWhenMissing)) {
      for (const name of await readdir(join(blobs, algorithm)).catch(emptyWhenMissing)) {
        const info = await this.info(`${algorithm}:${name}`).catch(unlessContentError);
        if (info !== undefined) yield info;
      }
    }
  }

  async delete(digest: string): Promise<void> {
    try {
      await rm(this.#blobPath(digest));
    } catch (error) {
      throw this.#explain(digest, error);
    }
  }

  async status(ref: string): Promise<IngestStatus> {
    const status = await IngestDirectory.forRef(this.#dir, ref).status();
    if (status === undefined) throw notFound(ref);
    return status;
  }

  async *listStatuses(): AsyncIterable<IngestStatus> {
    const ingests = join(this.#dir, "ingest");
    for (const name of await readdir(ingests).catch(emptyWhenMissing)) {
      const status = await new IngestDirectory(join(ingests, name)).status();
      if (status !== undefined) yield status;
    }
  }

  async abort(ref: string): Promise<void> {
    const unlock = this.#locks.take(ref);
    try {
      const directory = IngestDirectory.forRef(this.#dir, ref);
      if ((await sizeOf(directory.path)) === undefined) throw notFound(ref);
      await directory.remove();
    } finally {
      unlock();
    }
  }

  #explain(digest: string, error: unknown): unknown {
    if (isMissing(error)) return notFound(digest, { cause: error });
    return BuildkitError.is(error) ? error : cannotRead(this.#blobPath(digest), error);
  }

  #blobPath(digest: string): string {
    const { algorithm, hex } = parseBlobDigest(digest);
    return join(this.#dir, "blobs", algorithm, hex);
  }

  async #openBlob(digest: string): Promise<FileHandle> {
    try {
      return await open(this.#blobPath(digest), "r");
    } catch (error) {
      throw this.#explain(digest, error);
    }
  }

  async #has(digest: string, totalBytes: number): Promise<boolean> {
    const sizeBytes = await sizeOf(this.#blobPath(digest));
    return sizeBytes !== undefined && (totalBytes === 0 || sizeBytes === totalBytes);
  }
}

/** The ingest to go on from, its bytes given to `hasher`; a new one when there is none that fits. */
async function openIngest(
  directory: IngestDirectory,
  ref: string,
  totalBytes: number,
  hasher: BlobHasher,
): Promise<{ readonly status: IngestStatus; readonly handle: FileHandle }> {
  const earlier = await directory.status();
  const handle =
    earlier?.ref === ref && sameTotal(earlier.totalBytes, totalBytes)
      ? await open(directory.dataPath, constants.O_RDWR).catch(() => undefined)
      : undefined;
  if (earlier === undefined || handle === undefined) {
    const status = await directory.create(ref, totalBytes);
    return { status, handle: await open(directory.dataPath, constants.O_RDWR) };
  }
  let offsetBytes = 0;
  for await (const piece of createReadStream(directory.dataPath, { highWaterMark: maxPieceBytes })) {
    hasher.update(piece);
    offsetBytes += piece.length;
  }
  return { status: { ...earlier, offsetBytes }, handle };
}

function infoOf(digest: string, found: Stats): ContentInfo {
  checkDigest(digest);
  return { digest, sizeBytes: found.size, createdAt: found.mtime, updatedAt: found.atime };
}

function emptyWhenMissing(error: unknown): readonly string[] {
  if (isMissing(error)) return [];
  throw error;
}

/** A file in the place of a directory has nothing in it. */
function isMissing(error: unknown): boolean {
  return systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR";
}

/** A file under `blobs` that is no blob, or one that has just gone, is passed over. */
function unlessContentError(error: unknown): undefined {
  if (error instanceof ContentError) return undefined;
  throw error;
}
