import { randomBytes } from "node:crypto";

const length = 25;

/**
 * A new identifier as BuildKit makes them: 25 characters of base 36 with more than 128 random bits. It is here, where only Node
 * runs: `core` is also a browser's.
 */
export function randomId(): string {
  let value = BigInt(`0x${randomBytes(17).toString("hex")}`);
  // The set top bit gives every value 27 digits; the first is not evenly spread.
  value |= 1n << 135n;
  return value.toString(36).slice(1, length + 1);
}
