import { staticTable } from "./hpack-tables.ts";
import { decodeHuffman } from "./huffman.ts";

/** A header line. Bytes of the value are the string's characters (Latin-1). */
export type HeaderPair = readonly [name: string, value: string];

/** The dynamic table's size until the decoder's owner says otherwise in its settings (RFC 9113, 6.5.2). */
const maxTableBytes = 4096;

/** What RFC 7541, 4.1 adds to the size of each entry. */
const entryOverheadBytes = 32;

/** Decodes header blocks; one per connection, as each block may refer to what an earlier one left behind. */
export class HpackDecoder {
  /** Newest first. */
  readonly #dynamic: HeaderPair[] = [];
  #tableBytes = 0;
  #limitBytes = maxTableBytes;

  /** The lines of one whole header block. Throws a `RangeError` for what is not one: the connection is then lost. */
  decode(block: Uint8Array): HeaderPair[] {
    const reader = new BlockReader(block);
    const lines: HeaderPair[] = [];
    while (!reader.done) {
      const first = reader.peek();
      if (first & 0x80) lines.push(this.#entry(reader.integer(7)));
      else if (first & 0x40) lines.push(this.#add(this.#literal(reader, 6)));
      else if (first & 0x20) this.#resize(reader.integer(5));
      else lines.push(this.#literal(reader, 4));
    }
    return lines;
  }

  #literal(reader: BlockReader, prefixBits: number): HeaderPair {
    const index = reader.integer(prefixBits);
    const name = index === 0 ? reader.text() : this.#entry(index)[0];
    return [name, reader.text()];
  }

  #entry(index: number): HeaderPair {
    const pair = staticTable[index - 1] ?? this.#dynamic[index - 1 - staticTable.length];
    if (pair === undefined)
      throw new RangeError(`header block refers to entry ${index}, which does not exist`);
    return pair;
  }

  #add(pair: HeaderPair): HeaderPair {
    this.#dynamic.unshift(pair);
    this.#tableBytes += entryBytes(pair);
    this.#evict();
    return pair;
  }

  #resize(bytes: number): void {
    if (bytes > maxTableBytes)
      throw new RangeError(`header table of ${bytes} bytes is larger than was allowed`);
    this.#limitBytes = bytes;
    this.#evict();
  }

  #evict(): void {
    while (this.#tableBytes > this.#limitBytes) {
      const oldest = this.#dynamic.pop();
      if (oldest === undefined) break;
      this.#tableBytes -= entryBytes(oldest);
    }
  }
}

function entryBytes([name, value]: HeaderPair): number {
  return name.length + value.length + entryOverheadBytes;
}

class BlockReader {
  readonly #block: Uint8Array;
  #at = 0;

  constructor(block: Uint8Array) {
    this.#block = block;
  }

  get done(): boolean {
    return this.#at >= this.#block.length;
  }

  peek(): number {
    const byte = this.#block[this.#at];
    if (byte === undefined) throw new RangeError("header block ends in the middle of a line");
    return byte;
  }

  integer(prefixBits: number): number {
    const mask = (1 << prefixBits) - 1;
    let value = this.peek() & mask;
    this.#at++;
    if (value < mask) return value;
    for (let shift = 0; shift <= 28; shift += 7) {
      const byte = this.peek();
      this.#at++;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new RangeError("header block holds an integer that is too large");
  }

  text(): string {
    const huffman = (this.peek() & 0x80) !== 0;
    const length = this.integer(7);
    const end = this.#at + length;
    if (end > this.#block.length) throw new RangeError("header block ends in the middle of a string");
    const bytes = this.#block.subarray(this.#at, end);
    this.#at = end;
    const plain = huffman ? decodeHuffman(bytes) : Buffer.from(bytes.buffer, bytes.byteOffset, length);
    if (plain === undefined) throw new RangeError("header block holds a string with an invalid Huffman code");
    return plain.toString("latin1");
  }
}
