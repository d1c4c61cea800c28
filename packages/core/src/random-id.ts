const length = 25;

/** A new identifier as BuildKit makes them: 25 characters of base 36 with more than 128 random bits. */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(17));
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  // The set top bit gives every value 27 digits; the first is not evenly spread.
  value |= 1n << 135n;
  return value.toString(36).slice(1, length + 1);
}
