import type { ByteString } from "./byte-string.ts";
import type { FileStat } from "./stat.ts";

/** An entry of a tree that is sent. */
export interface TreeEntry<File> {
  readonly stat: FileStat;
  /** What opens the contents of a regular file; `undefined` for every other entry, and for a file without contents. */
  readonly file: File | undefined;
}

/**
 * A tree that can be sent: a directory of this machine, or a virtual one. It serves one transfer, as it remembers under
 * which path a file with several links was sent first.
 */
export interface Tree<File> {
  /**
   * What is in a directory; the empty path is the root. `undefined` if there is none of the path, or if it may not be read
   * and `optional` allows for that. It works at once and never waits: each `yield` is a moment to let others run.
   */
  list(path: ByteString, optional?: boolean): Generator<undefined, Listing | undefined>;
  /** The entry of a path that was listed; `undefined` if it has vanished. */
  describe(path: ByteString): TreeEntry<File> | undefined;
  /** The target of the symlink of a path; `undefined` if there is none. */
  readLink(path: ByteString): ByteString | undefined;
  /**
   * Opens a file whose entry said that it has `listedBytes`. The signal ends reads that wait for something else than a disk.
   */
  open(file: File, signal: AbortSignal, listedBytes: number): OpenFile;
}

export interface Listing {
  /** In the order of their bytes. */
  readonly names: readonly ByteString[];
  /** Those that may be directories. */
  readonly directories: ReadonlySet<ByteString>;
}

/** Both reads fill the buffer from `start` on and answer the number of bytes, 0 at the end. */
export interface OpenFile {
  /** The first bytes, read at once, fewer than `length` only if there are no more; absent for contents that have to be waited for. */
  readonly readSync?: (target: Buffer, start: number, length: number) => number;
  /** How many bytes there should be, where that is known; more or fewer may come. */
  readonly expectedBytes?: number | undefined;
  /** Bytes behind those that were read before, read without holding up the event loop. */
  read(target: Buffer, start: number, length: number): Promise<number>;
  close(): void;
}

/** A file without contents. */
export const emptyFile: OpenFile = {
  readSync: () => 0,
  read: () => Promise.resolve(0),
  close: () => {},
};
