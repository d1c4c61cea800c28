import fs from "node:fs";
import { promisify } from "node:util";
import type { ByteString } from "../fsutil/byte-string.ts";
import { toText } from "../fsutil/byte-string.ts";
import { clampFileTime } from "../fsutil/file-times.ts";
import { LocalSourceError } from "../fsutil/local-source-error.ts";
import { type Archive, type ArchiveRange, truncated } from "./archive.ts";
import type { VirtualType } from "./virtual-directory.ts";

/** An entry of a tar archive. */
export interface TarEntry {
  /** Relative and clean; empty for the root. */
  readonly path: ByteString;
  readonly type: VirtualType;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeNs: bigint;
  /** A symlink's target as it is, or a hard link's as a path. */
  readonly linkname: ByteString;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  /** Where a file's contents are. */
  readonly contents: ArchiveRange;
}

const blockBytes = 512;
/** What is read of the archive at a time: the headers of small files follow each other closely. */
const windowBytes = 256 << 10;
/** A header that is longer than any path or list of attributes is none. */
const maxExtensionBytes = 1 << 20;

/**
 * The entries of a tar archive, in its order: ustar, with the extensions of GNU and of POSIX (pax). Contents are passed over.
 *
 * @throws {LocalSourceError} for what is no tar archive, ends early, or has entries of a kind that is not known here
 */
export async function* readTar({ archive, start, size }: ArchiveRange): AsyncGenerator<TarEntry, void> {
  const open = archive.open();
  try {
    const window = new ReadWindow(archive, open.descriptor, start + size);
    let extended: Extension = {};
    let global: Extension = {};
    for (let at = start; at + blockBytes <= start + size; ) {
      const header = await window.read(at, blockBytes);
      if (header[0] === 0 && isZero(header)) return;
      const fields = readHeader(archive, header, { ...global, ...extended });
      const behind = at + blockBytes;
      const { kind, contentBytes } = fields;
      if (extensionKinds.has(kind)) {
        if (contentBytes > maxExtensionBytes) throw invalid(archive, "it has a header that is too long");
        const extension = readExtension(kind, Buffer.from(await window.read(behind, contentBytes)));
        if (kind === "g") global = { ...global, ...extension };
        else extended = { ...extended, ...extension };
      } else {
        extended = {};
        if (behind + contentBytes > start + size) throw truncated(archive);
        if (kind !== volumeLabel) yield entryOf(archive, fields, behind);
      }
      at = behind + Math.ceil(contentBytes / blockBytes) * blockBytes;
    }
  } finally {
    open.close();
  }
}

/** Headers that say something about the entry behind them, or all. */
const extensionKinds: ReadonlySet<string> = new Set(["L", "K", "x", "g"]);
const volumeLabel = "V";

const types: Readonly<Record<string, VirtualType>> = {
  "\0": "file",
  "0": "file",
  "7": "file",
  "1": "hardLink",
  "2": "symlink",
  "3": "characterDevice",
  "4": "blockDevice",
  "5": "directory",
  "6": "pipe",
};

/** What pax records, and GNU's long names, say in place of a header's fields. */
type Extension = Readonly<Record<string, string>>;

interface Header {
  readonly kind: string;
  readonly name: ByteString;
  readonly linkname: ByteString;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes behind the header, before they are filled up to whole blocks. */
  readonly contentBytes: number;
  readonly mtimeNs: bigint;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
}

function readHeader(archive: Archive, block: Buffer, extension: Extension): Header {
  const kind = String.fromCharCode(block[156] ?? 0);
  if (numberAt(block, 148, 8) !== checksum(block)) throw invalid(archive, "it is no tar archive, or damaged");
  const own = extensionKinds.has(kind) ? {} : extension;
  if (kind === "S" || Object.keys(own).some((key) => key.startsWith("GNU.sparse.")))
    throw invalid(
      archive,
      `it stores "${toText(nameAt(block))}" as a sparse file, which cannot be read here`,
    );
  const size = number(own["size"], block, 124, 12);
  // A negative one would lead back to what was read.
  if (!Number.isSafeInteger(size) || size < 0)
    throw invalid(archive, `"${toText(own["path"] ?? nameAt(block))}" has a size that is none`);
  return {
    kind,
    name: own["path"] ?? nameAt(block),
    linkname: own["linkpath"] ?? textAt(block, 157, 100),
    mode: numberAt(block, 100, 8) & 0o7777,
    uid: number(own["uid"], block, 108, 8) >>> 0,
    gid: number(own["gid"], block, 116, 8) >>> 0,
    // Links, directories and devices may have a size, and never contents.
    contentBytes: /[1-6]/.test(kind) ? 0 : size,
    mtimeNs: clampFileTime(
      own["mtime"] === undefined
        ? BigInt(numberAt(block, 136, 12) || 0) * 1_000_000_000n
        : paxTime(own["mtime"]),
    ),
    deviceMajor: numberAt(block, 329, 8) >>> 0,
    deviceMinor: numberAt(block, 337, 8) >>> 0,
  };
}

function entryOf(archive: Archive, header: Header, start: number): TarEntry {
  const { kind, name, linkname } = header;
  // Before there was a type for them, directories were files with a slash at the end.
  const type = name.endsWith("/") && types[kind] === "file" ? "directory" : types[kind];
  if (type === undefined)
    throw invalid(archive, `"${toText(name)}" is of the unknown type ${JSON.stringify(kind)}`);
  // Field by field: objects that are made by a rest or a spread are slow to make and large.
  return {
    path: cleanName(archive, name),
    type,
    mode: header.mode,
    uid: header.uid,
    gid: header.gid,
    mtimeNs: header.mtimeNs,
    linkname: type === "hardLink" ? cleanName(archive, linkname) : linkname,
    deviceMajor: header.deviceMajor,
    deviceMinor: header.deviceMinor,
    contents: { archive, start, size: type === "file" ? header.contentBytes : 0 },
  };
}

function cleanName(archive: Archive, name: ByteString): ByteString {
  const components = name.split("/").filter((component) => component !== "" && component !== ".");
  if (components.includes("..")) throw invalid(archive, `"${toText(name)}" leads out of it`);
  return components.join("/");
}

function readExtension(kind: string, content: Buffer): Extension {
  if (kind === "L") return { path: textAt(content, 0, content.length) };
  if (kind === "K") return { linkpath: textAt(content, 0, content.length) };
  const records: Record<string, string> = {};
  // Each is its own length in decimal, a space, key=value and a line feed.
  for (let at = 0; at < content.length; ) {
    const space = content.indexOf(0x20, at);
    const length = Number.parseInt(content.toString("latin1", at, space), 10);
    const equals = content.indexOf(0x3d, space);
    if (!(length > 0) || space < 0 || equals < 0) break;
    records[content.toString("latin1", space + 1, equals)] = content.toString(
      "latin1",
      equals + 1,
      at + length - 1,
    );
    at += length;
  }
  return records;
}

/** The name, behind a prefix where the header is POSIX's. */
function nameAt(block: Buffer): ByteString {
  const name = textAt(block, 0, 100);
  const isPosix = block.toString("latin1", 257, 263) === "ustar\0";
  const prefix = isPosix ? textAt(block, 345, 155) : "";
  return prefix === "" ? name : `${prefix}/${name}`;
}

function textAt(block: Buffer, start: number, length: number): ByteString {
  const end = block.subarray(start, start + length).indexOf(0);
  return block.toString("latin1", start, start + (end < 0 ? length : end));
}

function number(text: string | undefined, block: Buffer, start: number, length: number): number {
  return text === undefined ? numberAt(block, start, length) : Number.parseInt(text, 10);
}

/** Octal digits; or, with the highest bit set, GNU's big-endian binary, in two's complement. NaN for anything else. */
function numberAt(block: Buffer, start: number, length: number): number {
  const end = start + length;
  const first = block[start] ?? 0;
  if ((first & 0x80) === 0) return octalAt(block, start, end);
  let value = BigInt(first & 0x7f);
  for (let at = start + 1; at < end; at++) value = (value << 8n) | BigInt(block[at] ?? 0);
  return Number(BigInt.asIntN(length * 8 - 1, value));
}

/** Digits behind any spaces, up to what is none; 0 where there is nothing. */
function octalAt(block: Buffer, start: number, end: number): number {
  let at = start;
  while (at < end && block[at] === 0x20) at++;
  if (at === end || block[at] === 0) return 0;
  let value = Number.NaN;
  for (; at < end; at++) {
    const digit = (block[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 7) break;
    value = (value || 0) * 8 + digit;
  }
  return value;
}

function paxTime(text: string): bigint {
  const [, sign = "", seconds = "0", fraction = ""] = /^(-?)(\d+)(?:\.(\d*))?/.exec(text) ?? [];
  const ns = BigInt(seconds) * 1_000_000_000n + BigInt(fraction.padEnd(9, "0").slice(0, 9));
  return sign === "" ? ns : -ns;
}

/** The sum of all bytes, those of the checksum itself taken as spaces. */
function checksum(block: Buffer): number {
  let sum = 8 * 0x20;
  for (let at = 0; at < 148; at++) sum += block[at] ?? 0;
  for (let at = 156; at < blockBytes; at++) sum += block[at] ?? 0;
  return sum;
}

function isZero(block: Buffer): boolean {
  return block.every((byte) => byte === 0);
}

function invalid(archive: Archive, why: string): LocalSourceError {
  return new LocalSourceError(archive.name, `cannot read ${archive.name}: ${why}`);
}

const fsRead = promisify(fs.read);

/** Reads an archive from its beginning to its end, a large piece at a time. */
class ReadWindow {
  readonly #archive: Archive;
  readonly #descriptor: number;
  readonly #end: number;
  #bytes: Buffer = Buffer.alloc(0);
  #start = 0;

  constructor(archive: Archive, descriptor: number, end: number) {
    this.#archive = archive;
    this.#descriptor = descriptor;
    this.#end = end;
  }

  /** A view of the bytes, until the next call. */
  async read(position: number, length: number): Promise<Buffer> {
    const at = position - this.#start;
    if (at < 0 || at + length > this.#bytes.length) await this.#fill(position, length);
    return this.#bytes.subarray(position - this.#start, position - this.#start + length);
  }

  async #fill(position: number, length: number): Promise<void> {
    const wanted = Math.max(length, Math.min(windowBytes, this.#end - position));
    const bytes = Buffer.allocUnsafe(wanted);
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = await fsRead(this.#descriptor, bytes, filled, wanted - filled, position + filled);
      if (bytesRead === 0) throw truncated(this.#archive);
      filled += bytesRead;
    }
    this.#bytes = bytes.subarray(0, filled);
    this.#start = position;
  }
}
