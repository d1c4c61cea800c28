import type { FileStat } from "./stat.ts";

/** An entry of a tree that is sent. */
export interface TreeEntry<File> {
  readonly stat: FileStat;
  /** What opens the contents of a regular file; `undefined` for every other entry, and for a file without contents. */
  readonly file: File | undefined;
}

/** A tree that can be sent: a directory, or anything that can list entries and open them. */
export interface TreeSource<File> {
  /**
   * The entries, a few at a time, parents before children, siblings in the order of their names' bytes. Waits between
   * two lots so that the event loop is never held up for long.
   */
  entries(): AsyncIterable<readonly TreeEntry<File>[]>;
  /**
   * Opens a file. Its `read` fills the buffer from `start` on and answers the number of bytes, 0 at the end; it answers at
   * once where that is quick (a small file in the page cache).
   */
  open(file: File): OpenFile;
}

export interface OpenFile {
  /** The first bytes, read at once. */
  readSync(target: Buffer, start: number, length: number): number;
  /** Further bytes, read without holding up the event loop. */
  read(target: Buffer, start: number, length: number): Promise<number>;
  close(): void;
}
