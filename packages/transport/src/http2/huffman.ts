import { huffmanCodeBits } from "./hpack-tables.ts";

const endOfString = 256;

/** Decodes a Huffman-coded header string (RFC 7541, 5.2) to its bytes; `undefined` for what is not one. */
export function decodeHuffman(coded: Uint8Array): Buffer | undefined {
  const { children } = tree();
  // The shortest code has 5 bits.
  const decoded = Buffer.allocUnsafe(Math.ceil((coded.length * 8) / 5));
  let length = 0;
  let node = 0;
  let bitsSinceSymbol = 0;
  let onlyOnes = true;
  for (const byte of coded) {
    for (let bit = 7; bit >= 0; bit--) {
      const one = (byte >> bit) & 1;
      const next = children[node * 2 + one] ?? 0;
      bitsSinceSymbol++;
      if (one === 0) onlyOnes = false;
      if (next >= 0) {
        node = next;
        continue;
      }
      const symbol = -1 - next;
      if (symbol === endOfString) return undefined;
      decoded[length++] = symbol;
      node = 0;
      bitsSinceSymbol = 0;
      onlyOnes = true;
    }
  }
  // What is left is padding: fewer than 8 bits, all of them ones.
  return bitsSinceSymbol < 8 && onlyOnes ? decoded.subarray(0, length) : undefined;
}

interface HuffmanTree {
  /** Two entries per node: another node (positive), or `-1 - symbol`. */
  readonly children: Int16Array;
}

let built: HuffmanTree | undefined;

function tree(): HuffmanTree {
  built ??= buildTree();
  return built;
}

function buildTree(): HuffmanTree {
  const children = new Int16Array(2 * huffmanCodeBits.length);
  let nodes = 1;
  let code = 0;
  let previousBits = 0;
  const symbols = huffmanCodeBits.map((bits, symbol) => ({ bits, symbol }));
  for (const { bits, symbol } of symbols.sort((a, b) => a.bits - b.bits || a.symbol - b.symbol)) {
    code *= 2 ** (bits - previousBits);
    previousBits = bits;
    let node = 0;
    for (let bit = bits - 1; bit > 0; bit--) {
      const slot = node * 2 + ((code >>> bit) & 1);
      if (children[slot] === 0) children[slot] = nodes++;
      node = children[slot] ?? 0;
    }
    children[node * 2 + (code & 1)] = -1 - symbol;
    code++;
  }
  return { children };
}
