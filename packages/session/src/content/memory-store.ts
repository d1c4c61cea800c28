import { BlobHasher, parseBlobDigest } from "./blob-digest.ts";
import { alreadyExists, ContentError, notFound } from "./content-error.ts";
import type {
  ContentInfo,
  ContentReadOptions,
  ContentStore,
  ContentWriteOptions,
  ContentWriter,
  IngestStatus,
} from "./content-store.ts";
import { type Ingest, IngestWriter, sameTotal } from "./ingest-writer.ts";
import { maxPieceBytes, readRange } from "./read-range.ts";
import { RefLocks } from "./ref-locks.ts";

/** A content store in memory, without a limit: for tests and small results. */
export function memoryStore(): ContentStore {
  return new MemoryStore();
}

interface MemoryIngest {
  readonly startedAt: Date;
  readonly totalBytes: number;
  updatedAt: Date;
  pieces: Uint8Array[];
}

class MemoryStore implements ContentStore {
  readonly #blobs = new Map<string, { readonly info: ContentInfo; readonly bytes: Uint8Array }>();
  readonly #ingests = new Map<string, MemoryIngest>();
  readonly #locks = new RefLocks();

  async info(digest: string): Promise<ContentInfo> {
    return this.#blob(digest).info;
  }

  async *read(digest: string, options: ContentReadOptions = {}): AsyncIterable<Uint8Array> {
    const { bytes } = this.#blob(digest);
    const { start, end } = readRange(digest, bytes.length, options);
    for (let at = start; at < end; at += maxPieceBytes) {
      yield bytes.subarray(at, Math.min(end, at + maxPieceBytes));
    }
  }

  async openWriter(options: ContentWriteOptions): Promise<ContentWriter> {
    const { ref, totalBytes = 0, digest } = options;
    if (ref === "") throw new ContentError("invalid", ref, "a write needs a ref");
    const algorithm = digest === undefined ? "sha256" : parseBlobDigest(digest).algorithm;
    const unlock = this.#locks.take(ref);
    if (digest !== undefined && this.#blobs.has(digest)) {
      unlock();
      throw alreadyExists(digest);
    }
    const ingest = this.#resumable(ref, totalBytes);
    const hasher = new BlobHasher(algorithm);
    for (const piece of ingest.pieces) hasher.update(piece);
    return new IngestWriter({
      status: statusOf(ref, ingest),
      ingest: this.#backend(ref, ingest),
      hasher,
      unlock,
    });
  }

  async *list(): AsyncIterable<ContentInfo> {
    for (const { info } of [...this.#blobs.values()]) yield info;
  }

  async delete(digest: string): Promise<void> {
    parseBlobDigest(digest);
    if (!this.#blobs.delete(digest)) throw notFound(digest);
  }

  async status(ref: string): Promise<IngestStatus> {
    const ingest = this.#ingests.get(ref);
    if (ingest === undefined) throw notFound(ref);
    return statusOf(ref, ingest);
  }

  async *listStatuses(): AsyncIterable<IngestStatus> {
    for (const [ref, ingest] of [...this.#ingests]) yield statusOf(ref, ingest);
  }

  async abort(ref: string): Promise<void> {
    this.#locks.check(ref);
    if (!this.#ingests.delete(ref)) throw notFound(ref);
  }

  #blob(digest: string): { readonly info: ContentInfo; readonly bytes: Uint8Array } {
    parseBlobDigest(digest);
    const blob = this.#blobs.get(digest);
    if (blob === undefined) throw notFound(digest);
    return blob;
  }

  #resumable(ref: string, totalBytes: number): MemoryIngest {
    const earlier = this.#ingests.get(ref);
    if (earlier !== undefined && sameTotal(earlier.totalBytes, totalBytes)) return earlier;
    const now = new Date();
    const ingest: MemoryIngest = { startedAt: now, updatedAt: now, totalBytes, pieces: [] };
    this.#ingests.set(ref, ingest);
    return ingest;
  }

  #backend(ref: string, ingest: MemoryIngest): Ingest {
    return {
      append: async (data) => {
        ingest.pieces.push(data.slice());
        ingest.updatedAt = new Date();
      },
      restart: async () => {
        ingest.pieces = [];
      },
      bytes: async function* () {
        yield* ingest.pieces;
      },
      publish: async (digest) => {
        this.#ingests.delete(ref);
        if (this.#blobs.has(digest)) throw alreadyExists(digest);
        const bytes = Buffer.concat(ingest.pieces);
        const now = new Date();
        const info: ContentInfo = { digest, sizeBytes: bytes.length, createdAt: now, updatedAt: now };
        this.#blobs.set(digest, { info, bytes });
        return info;
      },
      keep: async () => {},
      drop: async () => {
        this.#ingests.delete(ref);
      },
    };
  }
}

function statusOf(ref: string, ingest: MemoryIngest): IngestStatus {
  return {
    ref,
    offsetBytes: ingest.pieces.reduce((sum, piece) => sum + piece.length, 0),
    totalBytes: ingest.totalBytes,
    startedAt: ingest.startedAt,
    updatedAt: ingest.updatedAt,
  };
}
