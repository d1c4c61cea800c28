import type { HeaderPair } from "./hpack-decoder.ts";

/** The static table's index of the whole line `:status: 200`. */
const statusOkIndex = 8;

/** A header block that uses neither the dynamic table nor Huffman codes: ours are few and short. */
export function encodeHeaderBlock(lines: readonly HeaderPair[]): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of lines) {
    if (name === ":status" && value === "200") parts.push(Buffer.of(0x80 | statusOkIndex));
    else parts.push(Buffer.of(0), text(name), text(value));
  }
  return Buffer.concat(parts);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, "latin1");
  return Buffer.concat([integer(bytes.length, 7), bytes]);
}

function integer(value: number, prefixBits: number): Buffer {
  const mask = (1 << prefixBits) - 1;
  if (value < mask) return Buffer.of(value);
  const bytes = [mask];
  let rest = value - mask;
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}
