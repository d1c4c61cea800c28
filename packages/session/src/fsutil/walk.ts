import fs from "node:fs";
import { type ByteString, toFsPath, toText } from "./byte-string.ts";
import { fromUnixMode, isDirectory, isRegular, isSymlink, isUnixSocket } from "./file-mode.ts";
import { cannotRead, systemCode } from "./local-source-error.ts";
import type { DirectoryMatch, PathFilter } from "./path-filter.ts";
import type { FileStat } from "./stat.ts";
import type { TreeEntry } from "./tree-source.ts";

/** Names that are read or sorted before the walk offers to let others run. */
const namesPerTurn = 4096;

/**
 * Walks a directory in the order of the protocol and yields the entries that the filter lets through, each with its
 * path as the file to open. It works at once and never waits: `undefined` is a moment to let others run.
 *
 * What vanishes during the walk is left out. A directory that cannot be read is an error unless nothing of it would
 * have been sent.
 */
export function* walk(
  root: ByteString,
  filter: PathFilter,
): Generator<TreeEntry<ByteString> | undefined, void> {
  const links = new Map<string, ByteString>();
  const stack: OpenDirectory[] = [
    { prefix: "", match: undefined, listing: yield* list(root, ""), next: 0, unsent: undefined },
  ];
  for (let directory = stack.at(-1); directory !== undefined; directory = stack.at(-1)) {
    const name = directory.listing?.names[directory.next++];
    if (name === undefined) {
      stack.pop();
      continue;
    }
    const path = directory.prefix + name;
    const verdict = filter.check(path, directory.match);
    const mayDescend = verdict.descend && directory.listing?.directories.has(name) === true;
    if (!verdict.sent && !mayDescend) continue;
    const entry = describe(root, path, links);
    if (entry === undefined) continue;
    const descend = isDirectory(entry.stat.mode) && verdict.descend;
    if (verdict.sent) {
      // Directories that match nothing themselves are sent once something in them is.
      for (const parent of stack) {
        if (parent.unsent !== undefined) yield parent.unsent;
        parent.unsent = undefined;
      }
      yield entry;
    }
    if (!descend) continue;
    stack.push({
      prefix: `${path}/`,
      match: verdict.match,
      listing: yield* list(root, path, !verdict.sent),
      next: 0,
      unsent: verdict.sent ? undefined : entry,
    });
  }
}

interface OpenDirectory {
  /** The path with a `/` behind it; empty for the root. */
  readonly prefix: ByteString;
  readonly match: DirectoryMatch | undefined;
  readonly listing: Listing | undefined;
  next: number;
  /** The directory's own entry while it has not been sent. */
  unsent: TreeEntry<ByteString> | undefined;
}

interface Listing {
  /** In the order of their bytes. */
  readonly names: readonly ByteString[];
  /** Those that may be directories. */
  readonly directories: ReadonlySet<ByteString>;
}

/** What is in a directory; `undefined` if it vanished, or may not be read and `optional` allows for that. */
function* list(
  root: ByteString,
  path: ByteString,
  optional = false,
): Generator<undefined, Listing | undefined> {
  const full = path === "" ? root : `${root}/${path}`;
  let directory: fs.Dir;
  try {
    directory = fs.opendirSync(toFsPath(full), { encoding: "latin1", bufferSize: 512 });
  } catch (error) {
    const code = systemCode(error);
    const vanished = path !== "" && (code === "ENOENT" || code === "ENOTDIR");
    if (vanished || (optional && (code === "EACCES" || code === "EPERM"))) return undefined;
    throw cannotRead(toText(full), error);
  }
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
  return { names: names.length <= namesPerTurn ? names.sort() : yield* sortInTurns(names), directories };
}

/** Sorts a very long list a piece at a time. */
function* sortInTurns(names: ByteString[]): Generator<undefined, ByteString[]> {
  let runs: ByteString[][] = [];
  for (let at = 0; at < names.length; at += namesPerTurn) {
    runs.push(names.slice(at, at + namesPerTurn).sort());
    yield undefined;
  }
  while (runs.length > 1) {
    const merged: ByteString[][] = [];
    for (let at = 0; at < runs.length; at += 2) merged.push(yield* merge(runs[at] ?? [], runs[at + 1] ?? []));
    runs = merged;
  }
  return runs[0] ?? [];
}

function* merge(left: ByteString[], right: ByteString[]): Generator<undefined, ByteString[]> {
  const merged: ByteString[] = [];
  for (let l = 0, r = 0; l < left.length || r < right.length; ) {
    const fromLeft = left[l];
    const fromRight = right[r];
    if (fromRight === undefined || (fromLeft !== undefined && fromLeft < fromRight)) {
      merged.push(fromLeft ?? "");
      l++;
    } else {
      merged.push(fromRight);
      r++;
    }
    if (merged.length % (namesPerTurn * 4) === 0) yield undefined;
  }
  return merged;
}

const lstatOptions = { bigint: true, throwIfNoEntry: false } as const;

/** The entry of a path; `undefined` if it has vanished. */
function describe(
  root: ByteString,
  path: ByteString,
  links: Map<string, ByteString>,
): TreeEntry<ByteString> | undefined {
  const full = `${root}/${path}`;
  let stats: fs.BigIntStats | undefined;
  let linkname = "";
  try {
    stats = fs.lstatSync(toFsPath(full), lstatOptions);
    if (stats?.isSymbolicLink() === true) linkname = fs.readlinkSync(toFsPath(full), "latin1");
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "EINVAL") return undefined;
    throw cannotRead(toText(full), error);
  }
  if (stats === undefined) return undefined;
  const unixMode = Number(stats.mode);
  const mode = fromUnixMode(unixMode);
  if (stats.nlink > 1n && !isDirectory(mode) && !isSymlink(mode)) linkname = firstLink(links, stats, path);
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
  return { stat, file: hasContents ? (isUnixSocket(unixMode) ? "" : path) : undefined };
}

/** The path under which a file with several links was sent first; empty for that one itself. */
function firstLink(links: Map<string, ByteString>, stats: fs.BigIntStats, path: ByteString): ByteString {
  const inode = `${stats.dev}:${stats.ino}`;
  const first = links.get(inode);
  if (first === undefined) links.set(inode, path);
  return first ?? "";
}

function deviceNumbers(stats: fs.BigIntStats): { deviceMajor: number; deviceMinor: number } {
  if (!stats.isBlockDevice() && !stats.isCharacterDevice()) return { deviceMajor: 0, deviceMinor: 0 };
  const device = Number(stats.rdev);
  return { deviceMajor: (device >> 8) & 0xfff, deviceMinor: (device & 0xff) | ((device >> 12) & 0xfff00) };
}
