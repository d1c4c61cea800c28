import { prefixBytes } from "./message-decoder.ts";

/** A message with its prefix, in one buffer. */
export function frameMessage(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(prefixBytes + message.length);
  writePrefix(framed, 0, message.length);
  framed.set(message, prefixBytes);
  return framed;
}

/** Writes the prefix of a message of `length` bytes at `at`. */
export function writePrefix(target: Buffer, at: number, length: number): void {
  target[at] = 0;
  target.writeUInt32BE(length, at + 1);
}
