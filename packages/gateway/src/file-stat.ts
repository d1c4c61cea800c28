import { BuildkitError } from "@buildkit-node/core";
import type { Stat } from "@buildkit-node/proto/fsutil";

/** What kind of file it is. */
export type FileKind =
  | "file"
  | "directory"
  | "symlink"
  | "character-device"
  | "block-device"
  | "fifo"
  | "socket";

/** What is known of a file without reading it. */
export interface FileStat {
  /** Its name, without the directories above it. */
  readonly name: string;
  readonly kind: FileKind;
  /** Permission bits as `chmod` takes them, with set-user-id, set-group-id and sticky: `0o755`, `0o4755`. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** In bytes; meaningful for files. */
  readonly size: number;
  /** Milliseconds since 1970-01-01T00:00:00Z, with a fraction. */
  readonly modifiedMs: number;
  /** What a symbolic link points to. */
  readonly target?: string;
  /** Of a device. */
  readonly device?: { readonly major: number; readonly minor: number };
}

/** Go's bits for what is not permission; the daemon sends modes in this form. */
const goMode = {
  directory: 2 ** 31,
  symlink: 2 ** 27,
  device: 2 ** 26,
  fifo: 2 ** 25,
  socket: 2 ** 24,
  setuid: 2 ** 23,
  setgid: 2 ** 22,
  character: 2 ** 21,
  sticky: 2 ** 20,
} as const;

export function fileStatFromProto(stat: Stat): FileStat {
  const text = new TextDecoder();
  const kind = kindOf(stat.mode);
  const path = text.decode(stat.path);
  return {
    name: path.slice(path.lastIndexOf("/") + 1),
    kind,
    mode: permissions(stat.mode),
    uid: stat.uid,
    gid: stat.gid,
    size: Number(stat.size),
    modifiedMs: Number(stat.modTime) / 1e6,
    ...(kind === "symlink" && { target: text.decode(stat.linkname) }),
    ...((kind === "character-device" || kind === "block-device") && {
      device: { major: Number(stat.devmajor), minor: Number(stat.devminor) },
    }),
  };
}

/** @throws {BuildkitError} when the daemon answered without a stat */
export function statFromProto(path: string, stat: Stat | undefined): FileStat {
  if (stat !== undefined) return fileStatFromProto(stat);
  throw new BuildkitError("ERR_BUILDKIT_PROTOCOL", `the daemon told nothing about ${JSON.stringify(path)}`);
}

function kindOf(mode: number): FileKind {
  if (has(mode, goMode.directory)) return "directory";
  if (has(mode, goMode.symlink)) return "symlink";
  if (has(mode, goMode.device)) return has(mode, goMode.character) ? "character-device" : "block-device";
  if (has(mode, goMode.fifo)) return "fifo";
  if (has(mode, goMode.socket)) return "socket";
  return "file";
}

function permissions(mode: number): number {
  const special =
    (has(mode, goMode.setuid) ? 0o4000 : 0) |
    (has(mode, goMode.setgid) ? 0o2000 : 0) |
    (has(mode, goMode.sticky) ? 0o1000 : 0);
  return (mode & 0o777) | special;
}

/** The highest bit makes numbers negative in JavaScript's bit operations; zero is zero all the same. */
function has(mode: number, bit: number): boolean {
  return (mode & bit) !== 0;
}
