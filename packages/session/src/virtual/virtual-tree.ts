import { errorMessage } from "@buildkit-node/core";
import { type ByteString, toText } from "../fsutil/byte-string.ts";
import { fromUnixMode, UnixType } from "../fsutil/file-mode.ts";
import { LocalSourceError } from "../fsutil/local-source-error.ts";
import { sortInTurns } from "../fsutil/sort-in-turns.ts";
import type { Listing, OpenFile, Tree, TreeEntry } from "../fsutil/tree.ts";
import { openContents } from "./open-contents.ts";
import type { VirtualStat, VirtualType } from "./virtual-directory.ts";
import { bytesOf, findNode, type VirtualNode } from "./virtual-index.ts";

/** A virtual directory as a tree that can be sent, in one transfer. */
export class VirtualTree implements Tree<VirtualNode> {
  readonly #name: string;
  readonly #root: VirtualNode;
  /** Files that hard links lead to: the paths under which they were described first. */
  readonly #links = new Map<VirtualNode, ByteString>();

  /** `name` is the local source's, for messages. */
  constructor(name: string, root: VirtualNode) {
    this.#name = name;
    this.#root = root;
  }

  *list(path: ByteString): Generator<undefined, Listing | undefined> {
    const children = findNode(this.#root, path)?.children;
    if (children === undefined) return undefined;
    const directories = new Set<ByteString>();
    for (const [name, node] of children) if (node.children !== undefined) directories.add(name);
    return { names: yield* sortInTurns([...children.keys()]), directories };
  }

  describe(path: ByteString): TreeEntry<VirtualNode> | undefined {
    const found = findNode(this.#root, path);
    if (found === undefined) return undefined;
    const node = found.original ?? found;
    const stat = node.entry?.stat ?? {};
    const type = node.children === undefined ? (stat.type ?? "file") : "directory";
    const first = node.shared && type !== "symlink" ? this.#firstLink(node, path) : "";
    const linkname = type === "symlink" ? bytesOf(stat.linkname ?? "") : first;
    return {
      stat: {
        path,
        mode: fromUnixMode(unixTypes[type] | ((stat.mode ?? defaultModes[type] ?? 0o644) & 0o7777)),
        uid: stat.uid ?? 0,
        gid: stat.gid ?? 0,
        size: type === "symlink" ? linkname.length : type === "file" ? (stat.size ?? 0) : 0,
        mtimeNs: nanoseconds(stat.mtime),
        linkname,
        deviceMajor: stat.deviceMajor ?? 0,
        deviceMinor: stat.deviceMinor ?? 0,
      },
      file: type === "file" && first === "" ? node : undefined,
    };
  }

  readLink(path: ByteString): ByteString | undefined {
    const stat = findNode(this.#root, path)?.entry?.stat;
    return stat?.type === "symlink" ? bytesOf(stat.linkname ?? "") : undefined;
  }

  open({ entry }: VirtualNode, signal: AbortSignal): OpenFile {
    return openContents(() => entry?.open?.() ?? "", {
      expectedBytes: entry?.stat?.size,
      signal,
      explain: (cause) => {
        const path = toText(bytesOf(entry?.path ?? ""));
        const why = errorMessage(cause);
        const message = `cannot read the entry "${path}" of the local source "${this.#name}": ${why}`;
        return new LocalSourceError(path, message, { cause });
      },
    });
  }

  /** The path under which a file with several links was described first; empty for that one itself. */
  #firstLink(node: VirtualNode, path: ByteString): ByteString {
    const first = this.#links.get(node);
    if (first === undefined) this.#links.set(node, path);
    return first ?? "";
  }
}

const unixTypes: Readonly<Record<VirtualType, number>> = {
  file: UnixType.regular,
  hardLink: UnixType.regular,
  directory: UnixType.directory,
  symlink: UnixType.symlink,
  pipe: UnixType.pipe,
  characterDevice: UnixType.character,
  blockDevice: UnixType.block,
};

const defaultModes: Partial<Readonly<Record<VirtualType, number>>> = { directory: 0o755, symlink: 0o777 };

function nanoseconds(time: VirtualStat["mtime"]): bigint {
  if (time === undefined) return 0n;
  return typeof time === "bigint" ? time : BigInt(time.getTime()) * 1_000_000n;
}
