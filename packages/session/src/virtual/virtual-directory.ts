import { InvalidArgumentError } from "@buildkit-node/core";

/**
 * A directory that is not on disk: what `virtualDirectory`, `tarDirectory` and `imageDirectory` make, and what may stand in
 * the place of a directory's path wherever a build is given local sources.
 */
export interface VirtualDirectory {
  /** The entries, for one build. */
  entries(): Entries;
  /** Whether the entries come in any order. */
  readonly sort: boolean;
  /**
   * What the directory has in common with itself in another build: see `VirtualDirectoryOptions`. `undefined` if nothing is
   * known of that.
   */
  readonly identity: string | undefined;
}

export type Entries = Iterable<VirtualEntry> | AsyncIterable<VirtualEntry>;

/** A file, a directory or another entry of a virtual directory. */
export interface VirtualEntry {
  /** Relative to the directory, with `/` between components; the bytes where they are not UTF-8. */
  readonly path: string | Uint8Array;
  /** What it is; a file without contents, 0644, by default. */
  readonly stat?: VirtualStat;
  /**
   * The contents of a file. Asked for at most once in a transfer, in any order, at any time during the build, and only if the
   * daemon wants them; a build may have several transfers.
   */
  open?(): Contents | Promise<Contents>;
}

/** Pieces of any size, or all of it; a text is UTF-8. A stream is destroyed when its contents are no longer wanted. */
export type Contents = string | Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

export interface VirtualStat {
  readonly type?: VirtualType;
  /** Permissions as `chmod` takes them; 0644 by default, 0755 for directories, 0777 for symlinks. */
  readonly mode?: number;
  /** 0 by default. */
  readonly uid?: number;
  /** 0 by default. */
  readonly gid?: number;
  /** Bytes of a file. A daemon does not hold contents to it, but compares it to tell whether a file has changed. */
  readonly size?: number;
  /** A date, or nanoseconds since 1970; 1970 by default. From 1677-09-22 to 2262-04-11, as no other time can be sent. */
  readonly mtime?: Date | bigint;
  /** The target of a symlink, as it is; or the path of the entry that a hard link shares its contents with. */
  readonly linkname?: string | Uint8Array;
  readonly deviceMajor?: number;
  readonly deviceMinor?: number;
}

export type VirtualType =
  | "file"
  | "directory"
  | "symlink"
  | "hardLink"
  | "pipe"
  | "characterDevice"
  | "blockDevice";

export interface VirtualDirectoryOptions {
  /**
   * Whether the entries come in any order. By default they must come in the order in which they are sent: siblings in the
   * order of their names' bytes, each directory right before what is in it. Directories may be left out.
   */
  readonly sort?: boolean;
  /**
   * A name that the directory keeps from build to build: the daemon then keeps what it was sent, and asks next time only
   * for files whose size, owner, mode or time have changed. Only for entries whose time changes with their contents.
   * Without it everything that is wanted is sent each time.
   */
  readonly identity?: string;
}

/**
 * A local source made of entries. All of them are held while a build runs, their contents are not.
 *
 * A generator can be read by one build only: for several give a function that makes one, or an array.
 */
export function virtualDirectory(
  entries: Entries | (() => Entries),
  options: VirtualDirectoryOptions = {},
): VirtualDirectory {
  const { sort = false, identity } = options;
  let used = false;
  return {
    sort,
    identity,
    entries: () => {
      if (typeof entries === "function") return entries();
      if (used && isOneShot(entries)) {
        const advice = "give a function that makes the entries, or an array";
        throw new InvalidArgumentError(
          "entries",
          entries,
          `the entries of a virtual directory were read by an earlier build and cannot be read again: ${advice}`,
        );
      }
      used = true;
      return entries;
    },
  };
}

/** A generator is its own iterator. */
function isOneShot(entries: Entries): boolean {
  return "next" in entries && typeof entries.next === "function";
}
