import type { DigestText } from "@buildkit-node/oci";

/** A blob that a store holds whole. */
export interface ContentInfo {
  readonly digest: DigestText;
  readonly sizeBytes: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** A blob on its way into a store. */
export interface IngestStatus {
  /** The name of the write; one write at a time may use it. */
  readonly ref: string;
  /** Bytes stored so far. */
  readonly offsetBytes: number;
  /** Bytes expected in all, 0 when unknown. */
  readonly totalBytes: number;
  readonly startedAt: Date;
  readonly updatedAt: Date;
}

/** Which part of a blob to read. */
export interface ContentReadOptions {
  /** First byte; 0 by default. A value past the end throws, the end itself reads nothing. */
  readonly offsetBytes?: number;
  /** Bytes to read; everything to the end by default, and when the blob has fewer. */
  readonly sizeBytes?: number;
}

/** What a write is about to store. */
export interface ContentWriteOptions {
  /** The name under which an interrupted write is found again. Not empty. */
  readonly ref: string;
  /** Bytes expected in all, when known. */
  readonly totalBytes?: number;
  /** The digest expected, when known; it also chooses the algorithm. */
  readonly digest?: string;
}

/** What must hold for a blob to be stored. */
export interface ContentCommitOptions {
  /** The exact size, when known. */
  readonly sizeBytes?: number;
  /** The exact digest, when known. */
  readonly digest?: string;
}

/**
 * One write into a store. It holds its ref until it is committed or closed. Calls come one after another: each waits
 * for the one before.
 */
export interface ContentWriter extends AsyncDisposable {
  /** Where the write stands; after an interruption `offsetBytes` is where to go on. */
  readonly status: IngestStatus;
  /** Digest of the bytes stored so far. */
  digest(): Promise<DigestText>;
  /** Appends. */
  write(data: Uint8Array): Promise<void>;
  /** Forgets everything stored so far. */
  restart(): Promise<void>;
  /**
   * Makes the blob part of the store, whole and durable. Throws a `ContentError` with reason `mismatch` when size or
   * digest differ (what was stored is dropped, because no later write could go on from it), and with reason `exists` when
   * another write stored the blob first. Ends the write either way.
   */
  commit(options?: ContentCommitOptions): Promise<ContentInfo>;
  /** Ends the write and keeps what is stored for a later one to go on from; nothing after `commit`. Idempotent. */
  close(): Promise<void>;
}

/**
 * Blobs by their digest. A blob is in a store whole or not at all; unfinished ones are ingests, by ref. Failures that
 * callers tell apart are `ContentError`s.
 *
 * `ociLayoutStore` keeps blobs in a directory, `memoryStore` in memory. Any implementation must pass the tests of both.
 */
export interface ContentStore {
  /** Throws reason `not-found`. */
  info(digest: string): Promise<ContentInfo>;
  /** The bytes, in pieces of at most 1 MiB. Throws reason `not-found`, or `out-of-range` for an offset past the end. */
  read(digest: string, options?: ContentReadOptions): AsyncIterable<Uint8Array>;
  /**
   * Starts a write, or goes on with the one that was interrupted under this ref. Throws reason `exists` when the store
   * has the digest, `locked` while another write has the ref, `invalid` for an empty ref or a digest that does not parse.
   */
  openWriter(options: ContentWriteOptions): Promise<ContentWriter>;
  /** Every blob, in no order. */
  list(): AsyncIterable<ContentInfo>;
  /** Throws reason `not-found`. */
  delete(digest: string): Promise<void>;
  /** Throws reason `not-found`. */
  status(ref: string): Promise<IngestStatus>;
  /** Every ingest, in no order. */
  listStatuses(): AsyncIterable<IngestStatus>;
  /** Drops an ingest. Throws reason `not-found`, or `locked` while a write has the ref. */
  abort(ref: string): Promise<void>;
}
