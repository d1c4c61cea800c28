import { BuildkitError } from "@buildkit-node/core";
import type { MessageBatch } from "@buildkit-node/transport/internal";
import type { ByteString } from "./byte-string.ts";
import type { FileStat } from "./stat.ts";

/** The types of the messages of a tree's transfer (`fsutil.types.Packet`). */
export const PacketType = { stat: 0, request: 1, data: 2, finish: 3, error: 4 } as const;

/** A received packet; `stat` and `data` only where the type has them. */
export interface Packet {
  readonly type: number;
  readonly stat: FileStat | undefined;
  readonly id: number;
  /** A view of the message. */
  readonly data: Buffer;
}

// Tags are a field's number and its wire type: 0 for a varint, 2 for length and bytes.
const typeTag = 0x08;
const statTag = 0x12;
const idTag = 0x18;
const dataTag = 0x22;

/** Reads a packet. Throws a protocol error for bytes that are not one. */
export function decodePacket(message: Buffer): Packet {
  const reader = new FieldReader(message, 0, message.length);
  let type = 0;
  let id = 0;
  let stat: FileStat | undefined;
  let data: Buffer = empty;
  while (!reader.done) {
    const tag = reader.uint32();
    if (tag === typeTag) type = reader.uint32();
    else if (tag === statTag) stat = decodeStat(reader.nested());
    else if (tag === idTag) id = reader.uint32();
    else if (tag === dataTag) data = reader.bytes();
    else reader.skip(tag);
  }
  return { type, stat, id, data };
}

/** Adds a STAT packet to the batch. */
export function writeStatPacket(batch: MessageBatch, stat: FileStat): void {
  const statBytes = statLength(stat);
  const at = batch.begin(1 + varintLength(statBytes) + statBytes);
  const { block } = batch;
  block[at] = statTag;
  encodeStat(block, writeVarint(block, at + 1, statBytes), stat);
}

/** Adds the packet that ends the stats: one with nothing in it. */
export function writeEndOfStats(batch: MessageBatch): void {
  batch.begin(0);
}

export function writeRequestPacket(batch: MessageBatch, id: number): void {
  writeIdPacket(batch, PacketType.request, id);
}

/** Adds the packet that ends a file's data. */
export function writeEndOfData(batch: MessageBatch, id: number): void {
  writeIdPacket(batch, PacketType.data, id);
}

export function writeFinishPacket(batch: MessageBatch): void {
  const at = batch.begin(2);
  batch.block[at] = typeTag;
  batch.block[at + 1] = PacketType.finish;
}

export function writeErrorPacket(batch: MessageBatch, text: string): void {
  const data = Buffer.from(text);
  const at = batch.begin(2 + 1 + varintLength(data.length) + data.length);
  const { block } = batch;
  block[at] = typeTag;
  block[at + 1] = PacketType.error;
  block[at + 2] = dataTag;
  block.set(data, writeVarint(block, at + 3, data.length));
}

/** What a DATA packet has before its data, as `writeDataPrefix` writes it. */
export function dataPrefixLength(id: number): number {
  return 2 + 1 + varintLength(id) + 1 + paddedLengthBytes;
}

/**
 * Writes what a DATA packet of `length` bytes has before its data and answers where the data goes. The length takes
 * the same room whatever it is, so that data can be read into its place before its length is known.
 */
export function writeDataPrefix(target: Buffer, at: number, id: number, length: number): number {
  target[at] = typeTag;
  target[at + 1] = PacketType.data;
  target[at + 2] = idTag;
  let end = writeVarint(target, at + 3, id);
  target[end++] = dataTag;
  let rest = length;
  for (let byte = 1; byte < paddedLengthBytes; byte++, rest >>>= 7) target[end++] = (rest & 0x7f) | 0x80;
  target[end++] = rest;
  return end;
}

/** Room for lengths below 2^21. A varint may have more bytes than it needs. */
const paddedLengthBytes = 3;

function writeIdPacket(batch: MessageBatch, type: number, id: number): void {
  const at = batch.begin(2 + 1 + varintLength(id));
  const { block } = batch;
  block[at] = typeTag;
  block[at + 1] = type;
  block[at + 2] = idTag;
  writeVarint(block, at + 3, id);
}

// Stat

const StatTag = {
  path: 0x0a,
  mode: 0x10,
  uid: 0x18,
  gid: 0x20,
  size: 0x28,
  mtime: 0x30,
  linkname: 0x3a,
  deviceMajor: 0x40,
  deviceMinor: 0x48,
} as const;

function decodeStat(reader: FieldReader): FileStat {
  let path = "";
  let linkname = "";
  let mode = 0;
  let uid = 0;
  let gid = 0;
  let size = 0;
  let mtimeNs = 0n;
  let deviceMajor = 0;
  let deviceMinor = 0;
  while (!reader.done) {
    const tag = reader.uint32();
    if (tag === StatTag.path) path = reader.byteString();
    else if (tag === StatTag.mode) mode = reader.uint32();
    else if (tag === StatTag.uid) uid = reader.uint32();
    else if (tag === StatTag.gid) gid = reader.uint32();
    else if (tag === StatTag.size) size = reader.number();
    else if (tag === StatTag.mtime) mtimeNs = reader.int64();
    else if (tag === StatTag.linkname) linkname = reader.byteString();
    else if (tag === StatTag.deviceMajor) deviceMajor = reader.number();
    else if (tag === StatTag.deviceMinor) deviceMinor = reader.number();
    else reader.skip(tag);
  }
  return { path, mode, uid, gid, size, mtimeNs, linkname, deviceMajor, deviceMinor };
}

function statLength(stat: FileStat): number {
  return (
    textLength(stat.path) +
    numberLength(stat.mode) +
    numberLength(stat.uid) +
    numberLength(stat.gid) +
    numberLength(stat.size) +
    bigintLength(stat.mtimeNs) +
    textLength(stat.linkname) +
    numberLength(stat.deviceMajor) +
    numberLength(stat.deviceMinor)
  );
}

function encodeStat(target: Buffer, start: number, stat: FileStat): void {
  let at = writeText(target, start, StatTag.path, stat.path);
  at = writeNumber(target, at, StatTag.mode, stat.mode);
  at = writeNumber(target, at, StatTag.uid, stat.uid);
  at = writeNumber(target, at, StatTag.gid, stat.gid);
  at = writeNumber(target, at, StatTag.size, stat.size);
  at = writeBigint(target, at, StatTag.mtime, stat.mtimeNs);
  at = writeText(target, at, StatTag.linkname, stat.linkname);
  at = writeNumber(target, at, StatTag.deviceMajor, stat.deviceMajor);
  writeNumber(target, at, StatTag.deviceMinor, stat.deviceMinor);
}

// Fields with a tag of one byte, left out when they are empty or 0.

function textLength(text: ByteString): number {
  return text.length === 0 ? 0 : 1 + varintLength(text.length) + text.length;
}

function writeText(target: Buffer, at: number, tag: number, text: ByteString): number {
  if (text.length === 0) return at;
  target[at] = tag;
  const start = writeVarint(target, at + 1, text.length);
  return start + target.write(text, start, "latin1");
}

function numberLength(value: number): number {
  return value === 0 ? 0 : 1 + varintLength(value);
}

function writeNumber(target: Buffer, at: number, tag: number, value: number): number {
  if (value === 0) return at;
  target[at] = tag;
  return writeVarint(target, at + 1, value);
}

/** The two halves of the number that is being written. */
const halves = new DataView(new ArrayBuffer(8));

function bigintLength(value: bigint): number {
  if (value === 0n) return 0;
  halves.setBigInt64(0, value);
  const high = halves.getUint32(0);
  return 1 + (high === 0 ? varintLength(halves.getUint32(4)) : varintLength(high * 2 ** 4) + 4);
}

function writeBigint(target: Buffer, at: number, tag: number, value: bigint): number {
  if (value === 0n) return at;
  target[at] = tag;
  halves.setBigInt64(0, value);
  const high = halves.getUint32(0);
  let low = halves.getUint32(4);
  if (high === 0) return writeVarint(target, at + 1, low);
  // Four groups of seven bits come from the low half, the fifth from both.
  let end = at + 1;
  for (let group = 0; group < 4; group++, low >>>= 7) target[end++] = (low & 0x7f) | 0x80;
  return writeVarint(target, end, high * 2 ** 4 + low);
}

/** Of a whole number up to 2^53. */
function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length++;
  return length;
}

function writeVarint(target: Buffer, at: number, value: number): number {
  let rest = value;
  let end = at;
  while (rest >= 0x80) {
    target[end++] = (rest % 0x80) | 0x80;
    rest = rest > 0x7fffffff ? Math.floor(rest / 0x80) : rest >>> 7;
  }
  target[end++] = rest;
  return end;
}

const empty = Buffer.alloc(0);

class FieldReader {
  readonly #buffer: Buffer;
  #at: number;
  readonly #end: number;
  /** Of the last 64-bit varint. */
  #low = 0;
  #high = 0;

  constructor(buffer: Buffer, start: number, end: number) {
    this.#buffer = buffer;
    this.#at = start;
    this.#end = end;
  }

  get done(): boolean {
    return this.#at >= this.#end;
  }

  uint32(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    let value = first & 0x7f;
    for (let shift = 7; shift < 70; shift += 7) {
      const byte = this.#byte();
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw malformed();
  }

  int64(): bigint {
    this.#readHalves();
    if (this.#high === 0) return BigInt(this.#low >>> 0);
    halves.setInt32(0, this.#high);
    halves.setInt32(4, this.#low);
    return halves.getBigInt64(0);
  }

  /** An int64 as a number, which is exact up to 2^53. */
  number(): number {
    this.#readHalves();
    return this.#high * 2 ** 32 + (this.#low >>> 0);
  }

  #readHalves(): void {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#byte();
      const bits = byte & 0x7f;
      if (shift < 32) low |= bits << shift;
      if (shift === 28) high |= bits >>> 4;
      if (shift > 28) high |= bits << (shift - 32);
      if (byte >= 0x80) continue;
      this.#low = low;
      this.#high = high;
      return;
    }
    throw malformed();
  }

  bytes(): Buffer {
    const start = this.#takeLength();
    return this.#buffer.subarray(start, this.#at);
  }

  byteString(): ByteString {
    const start = this.#takeLength();
    return this.#buffer.toString("latin1", start, this.#at);
  }

  nested(): FieldReader {
    const start = this.#takeLength();
    return new FieldReader(this.#buffer, start, this.#at);
  }

  /** Passes over a field that is not known here. */
  skip(tag: number): void {
    const wireType = tag & 7;
    if (wireType === 0) this.#readHalves();
    else if (wireType === 1) this.#advance(8);
    else if (wireType === 2) this.#takeLength();
    else if (wireType === 5) this.#advance(4);
    else throw malformed();
  }

  /** Reads a length and moves behind what it counts; answers where that begins. */
  #takeLength(): number {
    const length = this.uint32();
    const start = this.#at;
    this.#advance(length);
    return start;
  }

  #advance(bytes: number): void {
    this.#at += bytes;
    if (this.#at > this.#end) throw malformed();
  }

  #byte(): number {
    if (this.#at >= this.#end) throw malformed();
    return this.#buffer[this.#at++] ?? 0;
  }
}

function malformed(): BuildkitError {
  return new BuildkitError(
    "ERR_BUILDKIT_PROTOCOL",
    "the daemon sent a packet of a file transfer that cannot be read",
  );
}
