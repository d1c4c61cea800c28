import { BuildkitError } from "@buildkit-node/core";
import type { DigestText } from "@buildkit-node/oci";
import { BlobHasher, parseBlobDigest } from "./blob-digest.ts";
import { ContentError } from "./content-error.ts";
import type { ContentCommitOptions, ContentInfo, ContentWriter, IngestStatus } from "./content-store.ts";

/** Where one unfinished blob is kept: the part of a write that differs between stores. */
export interface Ingest {
  append(data: Uint8Array, offsetBytes: number): Promise<void>;
  /** Forgets all bytes. */
  restart(): Promise<void>;
  /** All bytes so far. */
  bytes(): AsyncIterable<Uint8Array>;
  /** Turns the ingest into the blob, or throws reason `exists`. */
  publish(digest: DigestText, sizeBytes: number): Promise<ContentInfo>;
  /** Keeps what is there for a later write. */
  keep(updatedAt: Date): Promise<void>;
  /** Removes what is there, if anything. */
  drop(): Promise<void>;
}

/** The rules of a write, the same for every store: offsets, the running digest, verification, the ref's lock. */
export class IngestWriter implements ContentWriter {
  readonly #ref: string;
  readonly #totalBytes: number;
  readonly #startedAt: Date;
  readonly #ingest: Ingest;
  readonly #hasher: BlobHasher;
  readonly #unlock: () => void;
  #offsetBytes: number;
  #updatedAt: Date;
  #open = true;

  constructor(options: {
    /** Where the ingest stands; `hasher` has seen that many bytes. */
    readonly status: IngestStatus;
    readonly ingest: Ingest;
    readonly hasher: BlobHasher;
    /** Gives the ref back; called once. */
    readonly unlock: () => void;
  }) {
    this.#ref = options.status.ref;
    this.#totalBytes = options.status.totalBytes;
    this.#startedAt = options.status.startedAt;
    this.#offsetBytes = options.status.offsetBytes;
    this.#updatedAt = options.status.updatedAt;
    this.#ingest = options.ingest;
    this.#hasher = options.hasher;
    this.#unlock = options.unlock;
  }

  get status(): IngestStatus {
    return {
      ref: this.#ref,
      offsetBytes: this.#offsetBytes,
      totalBytes: this.#totalBytes,
      startedAt: this.#startedAt,
      updatedAt: this.#updatedAt,
    };
  }

  digest(): Promise<DigestText> {
    return Promise.resolve(this.#hasher.digest());
  }

  async write(data: Uint8Array): Promise<void> {
    this.#mustBeOpen();
    const stored = this.#ingest.append(data, this.#offsetBytes);
    stored.catch(() => {});
    // While the bytes are on their way to the disk.
    this.#hasher.update(data);
    await stored;
    this.#offsetBytes += data.length;
    this.#updatedAt = new Date();
  }

  async restart(): Promise<void> {
    this.#mustBeOpen();
    await this.#ingest.restart();
    this.#hasher.reset();
    this.#offsetBytes = 0;
  }

  async commit(options: ContentCommitOptions = {}): Promise<ContentInfo> {
    this.#mustBeOpen();
    this.#open = false;
    try {
      const digest = await this.#verifiedDigest(options);
      return await this.#ingest.publish(digest, this.#offsetBytes);
    } catch (error) {
      if (error instanceof ContentError) await this.#ingest.drop();
      else await this.#ingest.keep(this.#updatedAt);
      throw error;
    } finally {
      this.#unlock();
    }
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    try {
      await this.#ingest.keep(this.#updatedAt);
    } finally {
      this.#unlock();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #verifiedDigest(expected: ContentCommitOptions): Promise<DigestText> {
    if (expected.sizeBytes !== undefined && expected.sizeBytes !== this.#offsetBytes) {
      throw this.#mismatch(`has ${this.#offsetBytes} bytes instead of ${expected.sizeBytes}`);
    }
    const digest = await this.#digestIn(expected.digest);
    if (expected.digest !== undefined && expected.digest !== digest) {
      throw this.#mismatch(`has digest ${digest} instead of ${expected.digest}`);
    }
    return digest;
  }

  /** The digest in the algorithm of `expected`, which may be another one than was announced when the write began. */
  async #digestIn(expected: string | undefined): Promise<DigestText> {
    const algorithm = expected === undefined ? this.#hasher.algorithm : parseBlobDigest(expected).algorithm;
    if (algorithm === this.#hasher.algorithm) return this.#hasher.digest();
    const hasher = new BlobHasher(algorithm);
    for await (const piece of this.#ingest.bytes()) hasher.update(piece);
    return hasher.digest();
  }

  #mismatch(what: string): ContentError {
    return new ContentError("mismatch", this.#ref, `what was written as ${this.#ref} ${what}`);
  }

  #mustBeOpen(): void {
    if (!this.#open) throw new BuildkitError("ERR_BUILDKIT_CLOSED", `the write of ${this.#ref} has ended`);
  }
}

/** Whether a write of `total` bytes may go on from one of `earlier` bytes; 0 means unknown. */
export function sameTotal(earlier: number, total: number): boolean {
  return earlier === 0 || total === 0 || earlier === total;
}
