import { malformedText } from "../text.ts";

/** The size of a chunk, unless a message needs more. */
const chunkBytes = 64 * 1024;

/**
 * Writes the primitives of the protobuf wire format. Messages stand one behind the other in large chunks, so that a small
 * message costs no buffer of its own.
 */
export class Writer {
  #bytes = new Uint8Array(1024);
  #start = 0;
  #end = 0;

  /** The bytes written since the last call: a part of a chunk, which is not written to again. */
  finish(): Uint8Array {
    const message = this.#bytes.subarray(this.#start, this.#end);
    this.#start = this.#end;
    return message;
  }

  /** A whole number from 0 to 2^53-1. */
  varint(value: number): void {
    this.#reserve(8);
    let rest = value;
    while (rest > 0x7f) {
      this.#bytes[this.#end++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#end++] = rest;
  }

  /** A signed 64-bit number: a negative one takes ten bytes. */
  int(value: number | bigint): void {
    if (typeof value === "number" && value >= 0) {
      this.varint(value);
      return;
    }
    this.#reserve(10);
    if (typeof value === "number" && value >= -0x80000000) {
      let sign = value;
      for (let count = 0; count < 9; count++) {
        this.#bytes[this.#end++] = (sign & 0x7f) | 0x80;
        sign >>= 7;
      }
      this.#bytes[this.#end++] = 1;
      return;
    }
    let rest = BigInt.asUintN(64, BigInt(value));
    while (rest > 0x7fn) {
      this.#bytes[this.#end++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#bytes[this.#end++] = Number(rest);
  }

  /** Bytes with their length before them. */
  bytes(value: Uint8Array): void {
    this.varint(value.length);
    this.#reserve(value.length);
    this.#bytes.set(value, this.#end);
    this.#end += value.length;
  }

  /** A text as UTF-8 with its length before it. */
  text(value: string): void {
    const mark = this.open();
    this.#reserve(value.length * 3);
    const bytes = this.#bytes;
    let end = this.#end;
    for (let at = 0; at < value.length; at++) {
      const unit = value.charCodeAt(at);
      if (unit < 0x80) {
        bytes[end++] = unit;
      } else if (unit < 0x800) {
        bytes[end++] = 0xc0 | (unit >> 6);
        bytes[end++] = 0x80 | (unit & 0x3f);
      } else if (unit < 0xd800 || unit > 0xdfff) {
        bytes[end++] = 0xe0 | (unit >> 12);
        bytes[end++] = 0x80 | ((unit >> 6) & 0x3f);
        bytes[end++] = 0x80 | (unit & 0x3f);
      } else {
        const low = value.charCodeAt(++at);
        if (unit > 0xdbff || !(low >= 0xdc00 && low <= 0xdfff)) {
          throw malformedText(value);
        }
        const point = 0x10000 + ((unit & 0x3ff) << 10) + (low & 0x3ff);
        bytes[end++] = 0xf0 | (point >> 18);
        bytes[end++] = 0x80 | ((point >> 12) & 0x3f);
        bytes[end++] = 0x80 | ((point >> 6) & 0x3f);
        bytes[end++] = 0x80 | (point & 0x3f);
      }
    }
    this.#end = end;
    this.close(mark);
  }

  /** Begins something whose length comes before it; `close` takes the mark that this gives. */
  open(): number {
    this.#reserve(1);
    this.#end += 1;
    return this.#end - this.#start;
  }

  /** Ends what `open` began. One byte was kept for the length: longer content moves up to make room. */
  close(mark: number): void {
    const length = this.#end - this.#start - mark;
    if (length < 0x80) {
      this.#bytes[this.#start + mark - 1] = length;
      return;
    }
    const extra = length < 0x4000 ? 1 : length < 0x200000 ? 2 : length < 0x10000000 ? 3 : 4;
    this.#reserve(extra);
    const from = this.#start + mark;
    this.#bytes.copyWithin(from + extra, from, this.#end);
    const end = this.#end + extra;
    this.#end = from - 1;
    this.varint(length);
    this.#end = end;
  }

  #reserve(count: number): void {
    if (this.#end + count > this.#bytes.length) {
      this.#move(count);
    }
  }

  /** Goes on in a new chunk, with what is written of the current message. */
  #move(count: number): void {
    const written = this.#bytes.subarray(this.#start, this.#end);
    this.#bytes = new Uint8Array(Math.max(chunkBytes, (written.length + count) * 2));
    this.#bytes.set(written);
    this.#start = 0;
    this.#end = written.length;
  }
}
