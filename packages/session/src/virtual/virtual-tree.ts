import { errorMessage } from "@buildkit-node/core";
import { type ByteString, toText } from "../fsutil/byte-string.ts";
import { fromUnixMode, UnixType } from "../fsutil/file-mode.ts";
import { LocalSourceError } from "../fsutil/local-source-error.ts";
import { sortInTurns } from "../fsutil/sort-in-turns.ts";
import type { Listing, OpenFile, Tree, TreeEntry } from "../fsutil/tree.ts";
import { nanoseconds } from "./check-stat.ts";
import { openContents } from "./open-contents.ts";
import type { VirtualEntry, VirtualType } from "./virtual-directory.ts";
import { bytesOf, findNode, VirtualFolder, type VirtualIndex } from "./virtual-index.ts";

/** A virtual directory as a tree that can be sent, in one transfer. */
export class VirtualTree implements Tree<VirtualEntry> {
  readonly #name: string;
  readonly #index: VirtualIndex;
  /** Files that hard links lead to: the paths under which they were described first. */
  readonly #links = new Map<VirtualEntry, ByteString>();

  /** `name` is the local source's, for messages. */
  constructor(name: string, index: VirtualIndex) {
    this.#name = name;
    this.#index = index;
  }

  *list(path: ByteString): Generator<undefined, Listing | undefined> {
    const folder = findNode(this.#index.root, path);
    if (!(folder instanceof VirtualFolder)) return undefined;
    const directories = new Set<ByteString>();
    for (const [name, node] of folder.children) if (node instanceof VirtualFolder) directories.add(name);
    return { names: yield* sortInTurns([...folder.children.keys()]), directories };
  }

  describe(path: ByteString): TreeEntry<VirtualEntry> | undefined {
    const { root, originals, shared } = this.#index;
    const found = findNode(root, path);
    if (found === undefined) return undefined;
    const isFolder = found instanceof VirtualFolder;
    const entry = isFolder ? found.entry : (originals.get(found) ?? found);
    const stat = entry?.stat ?? {};
    const type = isFolder ? "directory" : (stat.type ?? "file");
    const isShared = entry !== undefined && type !== "symlink" && shared.has(entry);
    const first = isShared ? this.#firstLink(entry, path) : "";
    const linkname = type === "symlink" ? bytesOf(stat.linkname ?? "") : first;
    return {
      stat: {
        path,
        mode: fromUnixMode(unixTypes[type] | ((stat.mode ?? defaultModes[type] ?? 0o644) & 0o7777)),
        uid: stat.uid ?? 0,
        gid: stat.gid ?? 0,
        size: type === "symlink" ? linkname.length : type === "file" ? (stat.size ?? 0) : 0,
        mtimeNs: nanoseconds(stat.mtime ?? 0n),
        linkname,
        deviceMajor: stat.deviceMajor ?? 0,
        deviceMinor: stat.deviceMinor ?? 0,
      },
      file: type === "file" && first === "" ? entry : undefined,
    };
  }

  readLink(path: ByteString): ByteString | undefined {
    const found = findNode(this.#index.root, path);
    const stat = found instanceof VirtualFolder ? undefined : found?.stat;
    return stat?.type === "symlink" ? bytesOf(stat.linkname ?? "") : undefined;
  }

  open(entry: VirtualEntry, signal: AbortSignal): OpenFile {
    return openContents(() => entry.open?.() ?? "", {
      expectedBytes: entry.stat?.size,
      signal,
      explain: (cause) => {
        const path = toText(bytesOf(entry.path));
        const why = errorMessage(cause);
        const message = `cannot read the entry "${path}" of the local source "${this.#name}": ${why}`;
        return new LocalSourceError(path, message, { cause });
      },
    });
  }

  /** The path under which a file with several links was described first; empty for that one itself. */
  #firstLink(entry: VirtualEntry, path: ByteString): ByteString {
    const first = this.#links.get(entry);
    if (first === undefined) this.#links.set(entry, path);
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
