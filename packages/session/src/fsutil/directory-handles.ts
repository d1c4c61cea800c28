import fs from "node:fs";
import { type ByteString, toFsPath } from "./byte-string.ts";
import { systemCode } from "./local-source-error.ts";

/** A directory below the destination; the destination itself has no parent. */
export interface Directory {
  readonly parent: Directory | undefined;
  readonly name: ByteString;
  /** Relative to the destination. */
  readonly path: ByteString;
  /** Whether it was made for the tree that is written. */
  readonly isNew: boolean;
}

/** Directories that are held open at a time. */
const maxOpen = 128;

/**
 * Names entries of the destination's directories so that nothing outside is ever reached, whatever becomes of the tree
 * in the meantime. On Linux each directory is opened from its parent, never through a link, and its entries are named
 * through the open descriptor in `/proc/self/fd`. Elsewhere each directory on the way is looked at first.
 */
export class DirectoryHandles {
  readonly #root: ByteString;
  /** Least recently used first. */
  readonly #open = new Map<Directory, number>();
  #latest: Directory | undefined;

  /** `root` is the destination's absolute path. */
  constructor(root: ByteString) {
    this.#root = root;
  }

  /** The path by which an entry of a directory is to be used at once; another call may close what it goes through. */
  entry(directory: Directory, name: ByteString): string | Buffer {
    return toFsPath(`${this.#prefix(directory)}/${name}`);
  }

  /** Runs `use` with a descriptor of the directory, which it must not close. */
  withDescriptor(directory: Directory, use: (descriptor: number) => void): void {
    if (descriptorsAsPaths) {
      use(this.#descriptor(directory));
      return;
    }
    const descriptor = fs.openSync(toFsPath(this.#prefix(directory)), fs.constants.O_RDONLY);
    try {
      use(descriptor);
    } finally {
      fs.closeSync(descriptor);
    }
  }

  close(): void {
    for (const descriptor of this.#open.values()) fs.closeSync(descriptor);
    this.#open.clear();
    this.#latest = undefined;
  }

  #prefix(directory: Directory): string {
    if (descriptorsAsPaths) return `/proc/self/fd/${this.#descriptor(directory)}`;
    if (directory.parent === undefined) return this.#root;
    const path = `${this.#prefix(directory.parent)}/${directory.name}`;
    if (!fs.lstatSync(toFsPath(path)).isDirectory()) {
      throw Object.assign(new Error("a directory was replaced during the transfer"), { code: "ENOTDIR" });
    }
    return path;
  }

  #descriptor(directory: Directory): number {
    if (this.#open.has(directory)) return this.#openFromParent(directory);
    // Not by calls within calls: a tree may be deeper than these can be.
    const closed: Directory[] = [];
    let at: Directory | undefined = directory.parent;
    for (; at !== undefined && !this.#open.has(at); at = at.parent) closed.push(at);
    for (const parent of closed.reverse()) this.#openFromParent(parent);
    return this.#openFromParent(directory);
  }

  /** Opens, unless it is open, a directory whose parent is. */
  #openFromParent(directory: Directory): number {
    const known = this.#open.get(directory);
    if (known !== undefined) {
      if (directory !== this.#latest) this.#touch(directory, known);
      return known;
    }
    const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = fs.constants;
    const isRoot = directory.parent === undefined;
    const path = isRoot
      ? this.#root
      : `/proc/self/fd/${this.#openFromParent(directory.parent)}/${directory.name}`;
    const descriptor = fs.openSync(toFsPath(path), O_RDONLY | O_DIRECTORY | (isRoot ? 0 : O_NOFOLLOW));
    this.#open.set(directory, descriptor);
    this.#latest = directory;
    if (this.#open.size > maxOpen) this.#closeOldest();
    return descriptor;
  }

  #touch(directory: Directory, descriptor: number): void {
    this.#open.delete(directory);
    this.#open.set(directory, descriptor);
    this.#latest = directory;
  }

  #closeOldest(): void {
    const [oldest] = this.#open;
    if (oldest === undefined) return;
    this.#open.delete(oldest[0]);
    fs.closeSync(oldest[1]);
  }
}

const descriptorsAsPaths = process.platform === "linux";

/** Whether `error` says that something of the name is there already. */
export function exists(error: unknown): boolean {
  return systemCode(error) === "EEXIST";
}
