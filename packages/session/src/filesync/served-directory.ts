import fs from "node:fs";
import { abortable, InvalidArgumentError } from "@buildkit-node/core";
import { type ByteString, fromText, toFsPath } from "../fsutil/byte-string.ts";
import type { OnUnreadable } from "../fsutil/disk-tree.ts";
import { explain } from "../fsutil/local-source-error.ts";
import type { Tree } from "../fsutil/tree.ts";
import { onWindows } from "../fsutil/windows-files.ts";
import type { VirtualDirectory } from "../virtual/virtual-directory.ts";
import type { VirtualIndex } from "../virtual/virtual-index.ts";

/** Makes the tree of one transfer. */
export type ServedDirectory = (signal: AbortSignal) => Promise<Tree<unknown>>;

/** @throws {InvalidArgumentError} for a directory that does not exist, is none, or cannot be read */
export function serveDisk(name: string, directory: string, onUnreadable: OnUnreadable): ServedDirectory {
  const root = realDirectory(name, directory);
  return async () => {
    const { DiskTree } = await import("./transfer.ts");
    return new DiskTree(root, onUnreadable);
  };
}

/**
 * The entries are read once, when the daemon first asks for them.
 *
 * @throws {InvalidArgumentError} for what is neither a path nor a virtual directory
 */
export function serveVirtual(name: string, directory: VirtualDirectory): ServedDirectory {
  if (typeof directory?.entries !== "function") {
    const advice = "give a path, or what virtualDirectory, tarDirectory or imageDirectory makes";
    const message = `the local source "${name}" is no directory: ${advice}`;
    throw new InvalidArgumentError(`directories.${name}`, directory, message);
  }
  let index: Promise<VirtualIndex> | undefined;
  return async (signal) => {
    const { readVirtualIndex, VirtualTree } = await import("./transfer.ts");
    index ??= readVirtualIndex(name, directory, signal);
    index.catch(() => {
      index = undefined;
    });
    return new VirtualTree(name, await abortable(index, signal));
  };
}

function realDirectory(name: string, directory: string): ByteString {
  const argument = `directories.${name}`;
  const invalid = (why: string, cause?: unknown) =>
    new InvalidArgumentError(argument, directory, `the local source "${name}" (${directory}) ${why}`, {
      cause,
    });
  let real: ByteString;
  try {
    real = withoutLinks(directory);
  } catch (error) {
    throw invalid("does not exist or cannot be reached", error);
  }
  if (!fs.statSync(toFsPath(real)).isDirectory()) throw invalid("is not a directory");
  try {
    fs.opendirSync(toFsPath(real)).closeSync();
  } catch (error) {
    throw invalid(`cannot be read: ${explain(error)}`, error);
  }
  return real;
}

/** The bytes of a path. On Windows, where they are UTF-8, the system's own answer would rename drives. */
function withoutLinks(directory: string): ByteString {
  return onWindows()
    ? fromText(fs.realpathSync(directory))
    : fs.realpathSync.native(directory, { encoding: "latin1" });
}
