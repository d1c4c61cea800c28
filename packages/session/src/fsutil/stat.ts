import type { ByteString } from "./byte-string.ts";

/** One entry of a tree, as it travels. */
export interface FileStat {
  /** Relative, `/` between components, none of them empty, `.` or `..`. */
  readonly path: ByteString;
  /** Go's mode bits; see `Mode`. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes; 0 for directories. */
  readonly size: number;
  /** Nanoseconds since 1970. */
  readonly mtimeNs: bigint;
  /** A symlink's target, or the path of the entry that a hard link shares its contents with; else empty. */
  readonly linkname: ByteString;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
}
