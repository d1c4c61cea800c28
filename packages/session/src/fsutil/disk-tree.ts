import fs from "node:fs";
import { promisify } from "node:util";
import { type ByteString, toFsPath, toText } from "./byte-string.ts";
import { fromUnixMode, isDirectory, isRegular, isSymlink, isUnixSocket } from "./file-mode.ts";
import { cannotRead, systemCode } from "./local-source-error.ts";
import { namesPerTurn, sortInTurns } from "./sort-in-turns.ts";
import type { FileStat } from "./stat.ts";
import { emptyFile, type Listing, type OpenFile, type Tree, type TreeEntry } from "./tree.ts";
import { fromWindowsTarget, onWindows, windowsPermissions } from "./windows-files.ts";

/** What becomes of a file that was listed and cannot be read when its contents are asked for. */
export type OnUnreadable =
  /** The transfer fails with an error that names it. */
  | "error"
  /** It is sent without contents, and nobody is told; the Go client does so. */
  | "empty";

const fsRead = promisify(fs.read);
const lstatOptions = { bigint: true, throwIfNoEntry: false } as const;

/**
 * A directory of this machine; a file is known by its path. What vanishes while it is looked at is left out. A directory
 * that cannot be read is an error unless nothing of it would have been sent.
 */
export class DiskTree implements Tree<ByteString> {
  readonly #root: ByteString;
  readonly #onUnreadable: OnUnreadable;
  /** Files with several links: the paths under which they were described first. */
  readonly #links = new Map<string, ByteString>();

  /** `root` is the directory's real path. */
  constructor(root: ByteString, onUnreadable: OnUnreadable) {
    this.#root = root;
    this.#onUnreadable = onUnreadable;
  }

  *list(path: ByteString, optional = false): Generator<undefined, Listing | undefined> {
    const full = path === "" ? this.#root : `${this.#root}/${path}`;
    const directory = open(full, { optional, isRoot: path === "" });
    if (directory === undefined) return undefined;
    const names: ByteString[] = [];
    const directories = new Set<ByteString>();
    try {
      for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
        names.push(entry.name);
        // Some file systems do not say what an entry is.
        if (!entry.isFile() && !entry.isSymbolicLink()) directories.add(entry.name);
        if (names.length % namesPerTurn === 0) yield undefined;
      }
    } catch (error) {
      throw cannotRead(toText(full), error);
    } finally {
      directory.closeSync();
    }
    return { names: yield* sortInTurns(names), directories };
  }

  describe(path: ByteString): TreeEntry<ByteString> | undefined {
    const full = `${this.#root}/${path}`;
    let stats: fs.BigIntStats | undefined;
    let linkname = "";
    try {
      stats = fs.lstatSync(toFsPath(full), lstatOptions);
      if (stats?.isSymbolicLink() === true) linkname = readTarget(full);
    } catch (error) {
      if (systemCode(error) === "ENOENT" || systemCode(error) === "EINVAL") return undefined;
      throw cannotRead(toText(full), error);
    }
    if (stats === undefined) return undefined;
    const unixMode = Number(stats.mode);
    const mode = modeOf(unixMode);
    if (stats.nlink > 1n && !isDirectory(mode) && !isSymlink(mode)) linkname = this.#firstLink(stats, path);
    const stat: FileStat = {
      path,
      mode,
      // A daemon is not to see who owns the files here.
      uid: 0,
      gid: 0,
      size: isDirectory(mode) ? 0 : Number(stats.size),
      mtimeNs: stats.mtimeNs,
      linkname,
      ...deviceNumbers(stats),
    };
    const hasContents = isRegular(mode) && linkname === "";
    // A socket is sent as a file without contents.
    return { stat, file: hasContents ? (isUnixSocket(unixMode) ? "" : path) : undefined };
  }

  readLink(path: ByteString): ByteString | undefined {
    const full = `${this.#root}/${path}`;
    try {
      return readTarget(full);
    } catch (error) {
      const code = systemCode(error);
      // Nothing of the name, or no link.
      if (code === "ENOENT" || code === "ENOTDIR" || code === "EINVAL") return undefined;
      throw cannotRead(toText(full), error);
    }
  }

  open(file: ByteString, _signal: AbortSignal, listedBytes: number): OpenFile {
    if (file === "") return emptyFile;
    const path = `${this.#root}/${file}`;
    try {
      // What was listed as a file may be a link or a pipe by now: the one is not followed, the other not waited for.
      const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
      const descriptor = fs.openSync(toFsPath(path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
      return new DiskFile(path, descriptor, listedBytes);
    } catch (error) {
      if (this.#onUnreadable === "empty") return emptyFile;
      throw cannotRead(toText(path), error);
    }
  }

  /** The path under which a file with several links was described first; empty for that one itself. */
  #firstLink(stats: fs.BigIntStats, path: ByteString): ByteString {
    const inode = `${stats.dev}:${stats.ino}`;
    const first = this.#links.get(inode);
    if (first === undefined) this.#links.set(inode, path);
    return first ?? "";
  }
}

class DiskFile implements OpenFile {
  readonly #path: ByteString;
  readonly #descriptor: number;
  readonly #listedBytes: number;

  constructor(path: ByteString, descriptor: number, listedBytes: number) {
    this.#path = path;
    this.#descriptor = descriptor;
    this.#listedBytes = listedBytes;
  }

  readSync(target: Buffer, start: number, length: number): number {
    let read = this.#readSome(target, start, length);
    // What has as many bytes as it should is at its end. Else that has to be seen: procfs and some of FUSE's give a page at a time.
    for (let more = read; more > 0 && read < length && read !== this.#listedBytes; read += more) {
      more = this.#readSome(target, start + read, length - read);
    }
    return read;
  }

  #readSome(target: Buffer, start: number, length: number): number {
    try {
      return fs.readSync(this.#descriptor, target, start, length, null);
    } catch (error) {
      // A pipe that nobody writes to.
      if (systemCode(error) === "EAGAIN") return 0;
      throw cannotRead(toText(this.#path), error);
    }
  }

  async read(target: Buffer, start: number, length: number): Promise<number> {
    try {
      const { bytesRead } = await fsRead(this.#descriptor, target, start, length, null);
      return bytesRead;
    } catch (error) {
      throw cannotRead(toText(this.#path), error);
    }
  }

  close(): void {
    fs.closeSync(this.#descriptor);
  }
}

function open(
  full: ByteString,
  { optional, isRoot }: { readonly optional: boolean; readonly isRoot: boolean },
): fs.Dir | undefined {
  try {
    return fs.opendirSync(toFsPath(full), { encoding: "latin1", bufferSize: 512 });
  } catch (error) {
    const code = systemCode(error);
    // A link into itself has taken its place, or was named by a path to follow.
    const vanished = !isRoot && (code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP");
    if (vanished || (optional && (code === "EACCES" || code === "EPERM"))) return undefined;
    throw cannotRead(toText(full), error);
  }
}

function readTarget(full: ByteString): ByteString {
  const target = fs.readlinkSync(toFsPath(full), "latin1");
  return onWindows() ? fromWindowsTarget(target) : target;
}

function modeOf(unixMode: number): number {
  const type = unixMode & ~0o777;
  return fromUnixMode(onWindows() ? type | windowsPermissions(unixMode & 0o777) : unixMode);
}

function deviceNumbers(stats: fs.BigIntStats): { deviceMajor: number; deviceMinor: number } {
  if (!stats.isBlockDevice() && !stats.isCharacterDevice()) return { deviceMajor: 0, deviceMinor: 0 };
  const device = Number(stats.rdev);
  return { deviceMajor: (device >> 8) & 0xfff, deviceMinor: (device & 0xff) | ((device >> 12) & 0xfff00) };
}
