import { huffmanCodeBits } from "./hpack-tables.ts";

const endOfString = 256;

/** Decodes a Huffman-coded header string (RFC 7541, 5.2) to its bytes; `undefined` for what is not one. */
export function decodeHuffman(coded: Uint8Array): Buffer | undefined {
  canonical ??= canonicalCode();
  const { counts, symbols } = canonical;
  // The shortest code has 5 bits.
  const decoded = Buffer.allocUnsafe(Math.ceil((coded.length * 8) / 5));
  let length = 0;
  let bits = 0;
  let code = 0;
  // Of the codes of as many bits: the first one, and how many symbols have shorter ones.
  let first = 0;
  let shorter = 0;
  let onlyOnes = true;
  for (const byte of coded) {
    for (let bit = 7; bit >= 0; bit--) {
      const one = (byte >> bit) & 1;
      if (one === 0) onlyOnes = false;
      code = (code << 1) | one;
      first <<= 1;
      const count = counts[++bits] ?? 0;
      if (code - first >= count) {
        first += count;
        shorter += count;
        continue;
      }
      const symbol = symbols[shorter + code - first] ?? endOfString;
      if (symbol === endOfString) return undefined;
      decoded[length++] = symbol;
      bits = code = first = shorter = 0;
      onlyOnes = true;
    }
  }
  // What is left is padding: fewer than 8 bits, all of them ones.
  return bits < 8 && onlyOnes ? decoded.subarray(0, length) : undefined;
}

interface CanonicalCode {
  /** How many symbols have a code of so many bits. */
  readonly counts: Uint16Array;
  /** In the order of their codes. */
  readonly symbols: readonly number[];
}

let canonical: CanonicalCode | undefined;

function canonicalCode(): CanonicalCode {
  const byLength = Array.from({ length: 1 + Math.max(...huffmanCodeBits) }, (): number[] => []);
  for (const [symbol, bits] of huffmanCodeBits.entries()) byLength[bits]?.push(symbol);
  return { counts: Uint16Array.from(byLength, ({ length }) => length), symbols: byLength.flat() };
}
