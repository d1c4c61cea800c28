import { errorMessage } from "@buildkit-node/core";
import { type ByteString, fromText, toText } from "../fsutil/byte-string.ts";
import { isEntryPath } from "../fsutil/entry-path.ts";
import { LocalSourceError } from "../fsutil/local-source-error.ts";
import { Turn } from "../fsutil/turn.ts";
import { statProblem } from "./check-stat.ts";
import type { VirtualDirectory, VirtualEntry } from "./virtual-directory.ts";

/** The entries of a virtual directory, each in its place. */
export interface VirtualIndex {
  readonly root: VirtualFolder;
  /** Of hard links: the files that they share their contents with. */
  readonly originals: ReadonlyMap<VirtualEntry, VirtualEntry>;
  /** The files that hard links lead to. */
  readonly shared: ReadonlySet<VirtualEntry>;
}

/** What has a place. What is no directory is its entry alone: of very many files not much more is held than they are. */
export type VirtualNode = VirtualFolder | VirtualEntry;

export class VirtualFolder {
  /** `undefined` for a directory that was left out. */
  entry: VirtualEntry | undefined;
  /** By name. */
  readonly children: Map<ByteString, VirtualNode> = new Map();

  constructor(entry: VirtualEntry | undefined) {
    this.entry = entry;
  }
}

/**
 * Reads the entries of a virtual directory and puts each in its place. `name` is the local source's, for messages.
 *
 * @throws {LocalSourceError} naming the entry, or both entries, that are wrong
 */
export async function readVirtualIndex(
  name: string,
  directory: VirtualDirectory,
  signal: AbortSignal,
): Promise<VirtualIndex> {
  const index = new IndexBuilder(name, directory.sort);
  const turn = new Turn();
  try {
    for await (const entry of directory.entries()) {
      signal.throwIfAborted();
      index.add(entry);
      if (turn.over) await turn.next();
    }
  } catch (error) {
    if (signal.aborted || error instanceof LocalSourceError) throw error;
    throw index.broken(error);
  }
  index.link();
  return index;
}

class IndexBuilder implements VirtualIndex {
  readonly root: VirtualFolder = new VirtualFolder(undefined);
  readonly originals: Map<VirtualEntry, VirtualEntry> = new Map();
  readonly shared: Set<VirtualEntry> = new Set();
  readonly #name: string;
  readonly #sort: boolean;
  readonly #hardLinks: VirtualEntry[] = [];
  #last: ByteString | undefined;

  constructor(name: string, sort: boolean) {
    this.#name = name;
    this.#sort = sort;
  }

  add(entry: VirtualEntry): void {
    const path = bytesOf(entry.path);
    if (!isEntryPath(path)) throw this.#wrong(path, "a path is relative, without empty components, . or ..");
    const problem = entry.stat && statProblem(entry.stat);
    if (problem !== undefined) throw this.#wrong(path, problem);
    if (!this.#sort) this.#checkOrder(path);
    this.#last = path;
    const slash = path.lastIndexOf("/");
    const siblings = this.#directory(path, slash < 0 ? "" : path.slice(0, slash));
    const name = path.slice(slash + 1);
    const known = siblings.get(name);
    const isFolder = entry.stat?.type === "directory";
    if (known === undefined) {
      siblings.set(name, isFolder ? new VirtualFolder(entry) : entry);
      if (entry.stat?.type === "hardLink") this.#hardLinks.push(entry);
      return;
    }
    const leftOut = known instanceof VirtualFolder && known.entry === undefined;
    if (!leftOut || !isFolder)
      throw this.#wrong(path, leftOut ? "there are entries below it" : "it comes twice");
    known.entry = entry;
  }

  /** Finds what hard links lead to, once everything is there. */
  link(): void {
    for (const entry of this.#hardLinks) {
      const target = bytesOf(entry.stat?.linkname ?? "");
      const original = findNode(this.root, target);
      if (original === undefined || original instanceof VirtualFolder || original.stat?.type === "hardLink") {
        const what = original === undefined ? "is not there" : "is no file";
        throw this.#wrong(bytesOf(entry.path), `it is a hard link to "${toText(target)}", which ${what}`);
      }
      this.originals.set(entry, original);
      this.shared.add(original);
    }
  }

  /** The error for what reading the entries threw. */
  broken(cause: unknown): LocalSourceError {
    const where = this.#last === undefined ? "before the first" : `behind "${toText(this.#last)}"`;
    const why = errorMessage(cause);
    const message = `cannot read the entries of the local source "${this.#name}" ${where}: ${why}`;
    return new LocalSourceError(toText(this.#last ?? ""), message, { cause });
  }

  /** What is in a directory, which is made with those above it if nobody has named it. */
  #directory(path: ByteString, directory: ByteString): Map<ByteString, VirtualNode> {
    let folder = this.root;
    if (directory === "") return folder.children;
    for (const name of directory.split("/")) {
      let node = folder.children.get(name);
      if (node === undefined) {
        node = new VirtualFolder(undefined);
        folder.children.set(name, node);
      }
      if (!(node instanceof VirtualFolder))
        throw this.#wrong(path, `it lies below "${toText(bytesOf(node.path))}", which is no directory`);
      folder = node;
    }
    return folder.children;
  }

  #checkOrder(path: ByteString): void {
    const last = this.#last;
    if (last === undefined || last === path || orderKey(last) < orderKey(path)) return;
    throw this.#wrong(
      path,
      `it comes behind "${toText(last)}", where it is out of order; give { sort: true } for entries in any order`,
    );
  }

  #wrong(path: ByteString, why: string): LocalSourceError {
    const text = toText(path);
    return new LocalSourceError(text, `the entry "${text}" of the local source "${this.#name}": ${why}`);
  }
}

/** The node of a path; the empty path is the root. */
export function findNode(root: VirtualFolder, path: ByteString): VirtualNode | undefined {
  if (path === "") return root;
  let node: VirtualNode | undefined = root;
  for (const name of path.split("/")) {
    node = node instanceof VirtualFolder ? node.children.get(name) : undefined;
  }
  return node;
}

export function bytesOf(name: string | Uint8Array): ByteString {
  return typeof name === "string" ? fromText(name) : Buffer.from(name).toString("latin1");
}

/** In the order of these a directory comes right before what is in it. */
function orderKey(path: ByteString): string {
  return path.replaceAll("/", "\0");
}
