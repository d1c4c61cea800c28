import { errorMessage } from "@buildkit-node/core";
import { type ByteString, fromText, toText } from "../fsutil/byte-string.ts";
import { isEntryPath } from "../fsutil/entry-path.ts";
import { LocalSourceError } from "../fsutil/local-source-error.ts";
import { Turn } from "../fsutil/turn.ts";
import { statProblem } from "./check-stat.ts";
import type { VirtualDirectory, VirtualEntry } from "./virtual-directory.ts";

/** An entry in its place. */
export interface VirtualNode {
  /** `undefined` for a directory that was left out. */
  entry: VirtualEntry | undefined;
  /** By name; `undefined` for what is no directory. */
  readonly children: Map<ByteString, VirtualNode> | undefined;
  /** The file that a hard link shares its contents with. */
  original: VirtualNode | undefined;
  /** Whether a hard link leads here. */
  shared: boolean;
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
): Promise<VirtualNode> {
  const index = new VirtualIndex(name, directory.sort);
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
  return index.root;
}

class VirtualIndex {
  readonly root: VirtualNode = emptyDirectory(undefined);
  readonly #name: string;
  readonly #sort: boolean;
  readonly #hardLinks: { readonly path: ByteString; readonly node: VirtualNode }[] = [];
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
    const known = siblings.get(path.slice(slash + 1));
    const type = entry.stat?.type ?? "file";
    if (known !== undefined && (known.entry !== undefined || type !== "directory")) {
      throw this.#wrong(path, known.entry === undefined ? "there are entries below it" : "it comes twice");
    }
    if (known !== undefined) {
      known.entry = entry;
      return;
    }
    const node = type === "directory" ? emptyDirectory(entry) : leaf(entry);
    siblings.set(path.slice(slash + 1), node);
    if (type === "hardLink") this.#hardLinks.push({ path, node });
  }

  /** Finds what hard links lead to, once everything is there. */
  link(): void {
    for (const { path, node } of this.#hardLinks) {
      const target = bytesOf(node.entry?.stat?.linkname ?? "");
      const original = findNode(this.root, target);
      const type = original?.entry?.stat?.type;
      if (original === undefined || original.children !== undefined || type === "hardLink") {
        const what = original === undefined ? "is not there" : "is no file";
        throw this.#wrong(path, `it is a hard link to "${toText(target)}", which ${what}`);
      }
      node.original = original;
      original.shared = true;
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
    let children = this.root.children ?? new Map<ByteString, VirtualNode>();
    if (directory === "") return children;
    for (const name of directory.split("/")) {
      let node = children.get(name);
      if (node === undefined) {
        node = emptyDirectory(undefined);
        children.set(name, node);
      }
      if (node.children === undefined)
        throw this.#wrong(
          path,
          `it lies below "${toText(bytesOf(node.entry?.path ?? ""))}", which is no directory`,
        );
      children = node.children;
    }
    return children;
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
export function findNode(root: VirtualNode, path: ByteString): VirtualNode | undefined {
  if (path === "") return root;
  let node: VirtualNode | undefined = root;
  for (const name of path.split("/")) node = node?.children?.get(name);
  return node;
}

export function bytesOf(name: string | Uint8Array): ByteString {
  return typeof name === "string" ? fromText(name) : Buffer.from(name).toString("latin1");
}

/** In the order of these a directory comes right before what is in it. */
function orderKey(path: ByteString): string {
  return path.replaceAll("/", "\0");
}

function leaf(entry: VirtualEntry): VirtualNode {
  return { entry, children: undefined, original: undefined, shared: false };
}

function emptyDirectory(entry: VirtualEntry | undefined): VirtualNode {
  return { entry, children: new Map(), original: undefined, shared: false };
}
