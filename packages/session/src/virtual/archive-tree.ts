import { type ByteString, toFsPath, toText } from "../fsutil/byte-string.ts";
import { LocalSourceError } from "../fsutil/local-source-error.ts";
import { cleanPath } from "../fsutil/pattern.ts";
import { readRange } from "./archive.ts";
import type { TarEntry } from "./tar-reader.ts";
import type { VirtualEntry } from "./virtual-directory.ts";

/** A name in a directory. Names that are hard links to each other have one entry. */
interface Node {
  /** `undefined` for a directory that no archive has named. */
  entry: TarEntry | undefined;
  /** `undefined` for what is no directory. */
  children: Map<ByteString, Node> | undefined;
}

/** Links that are followed on the way to one entry, as on Linux. */
const maxLinks = 40;

const whiteoutPrefix = ".wh.";
const opaqueMarker = ".wh..wh..opq";
/** Names that begin so are about a file system that Docker once used. */
const metadataPrefix = ".wh..wh.";

/** What is there when archives are unpacked over each other; nothing is, and links do not lead out. */
export class ArchiveTree {
  readonly #root: Node = { entry: undefined, children: new Map() };

  /** Unpacks an entry; it takes the place of one of the same path. */
  put(entry: TarEntry): void {
    if (entry.path === "") return;
    const { siblings, name } = this.#place(entry.path);
    if (entry.type === "hardLink") {
      siblings.set(name, { entry: this.#linked(entry), children: undefined });
      return;
    }
    const children = entry.type === "directory" ? (siblings.get(name)?.children ?? new Map()) : undefined;
    siblings.set(name, { entry, children });
  }

  /** Unpacks a layer of an image, whose whiteouts take away what is below it. */
  putLayer(entries: readonly TarEntry[]): void {
    for (const { path } of entries) if (nameOf(path).startsWith(whiteoutPrefix)) this.#whiteOut(path);
    for (const entry of entries) if (!nameOf(entry.path).startsWith(whiteoutPrefix)) this.put(entry);
  }

  /** Everything that is there, in no order. */
  *entries(): Generator<VirtualEntry, void> {
    const named = new Map<TarEntry, ByteString>();
    const open: { readonly prefix: ByteString; readonly node: Node }[] = [{ prefix: "", node: this.#root }];
    for (let directory = open.pop(); directory !== undefined; directory = open.pop()) {
      for (const [name, node] of directory.node.children ?? []) {
        const path = directory.prefix + name;
        if (node.children !== undefined) open.push({ prefix: `${path}/`, node });
        if (node.entry === undefined) continue;
        const first = named.get(node.entry);
        if (first === undefined) named.set(node.entry, path);
        yield virtualEntry(path, node.entry, first);
      }
    }
  }

  #whiteOut(path: ByteString): void {
    const name = nameOf(path);
    const { siblings } = this.#place(path);
    if (name === opaqueMarker) siblings.clear();
    else if (!name.startsWith(metadataPrefix)) siblings.delete(name.slice(whiteoutPrefix.length));
  }

  #linked(link: TarEntry): TarEntry {
    const { siblings, name } = this.#place(link.linkname);
    const target = siblings.get(name);
    if (target?.entry === undefined || target.children !== undefined) {
      const { name: archive } = link.contents.archive;
      const path = toText(link.path);
      const why = `"${path}" is a hard link to "${toText(link.linkname)}", which is no file in it`;
      throw new LocalSourceError(path, `cannot read ${archive}: ${why}`);
    }
    return target.entry;
  }

  /** Where a path is, through links; directories on the way that nobody has named are made. */
  #place(path: ByteString): { readonly siblings: Map<ByteString, Node>; readonly name: ByteString } {
    const name = nameOf(path);
    let left = maxLinks;
    let waiting = path.split("/").slice(0, -1).reverse();
    let reached: ByteString[] = [];
    let siblings = this.#root.children ?? new Map<ByteString, Node>();
    for (let component = waiting.pop(); component !== undefined; component = waiting.pop()) {
      let node = siblings.get(component);
      if (node?.entry?.type === "symlink" && left > 0) {
        left--;
        const { linkname } = node.entry;
        const from = linkname.startsWith("/") ? "" : reached.join("/");
        const target = cleanPath(`/${from}/${linkname}`).slice(1);
        waiting = [...waiting, ...(target === "" ? [] : target.split("/").reverse())];
        reached = [];
        siblings = this.#root.children ?? siblings;
        continue;
      }
      if (node?.children === undefined) {
        node = { entry: undefined, children: new Map() };
        siblings.set(component, node);
      }
      reached.push(component);
      siblings = node.children ?? siblings;
    }
    return { siblings, name };
  }
}

function virtualEntry(path: ByteString, entry: TarEntry, first: ByteString | undefined): VirtualEntry {
  if (first !== undefined) {
    return { path: toFsPath(path), stat: { type: "hardLink", linkname: toFsPath(first) } };
  }
  const { type, mode, uid, gid, mtimeNs, deviceMajor, deviceMinor, contents } = entry;
  const linkname = toFsPath(entry.linkname);
  const { size } = contents;
  const stat = { type, mode, uid, gid, size, mtime: mtimeNs, linkname, deviceMajor, deviceMinor };
  if (type !== "file") return { path: toFsPath(path), stat };
  return { path: toFsPath(path), stat, open: () => readRange(contents) };
}

function nameOf(path: ByteString): ByteString {
  return path.slice(path.lastIndexOf("/") + 1);
}
