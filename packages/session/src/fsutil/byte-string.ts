import { isUtf8 } from "node:buffer";

/**
 * Bytes as a string with one character (0 to 255) for each of them. A file's name is bytes, not text; in this form it
 * is a small string whose ordinary order is the order of its bytes.
 */
export type ByteString = string;

/** The bytes of a text's UTF-8 form. */
export function fromText(text: string): ByteString {
  return isAscii(text) ? text : Buffer.from(text).toString("latin1");
}

/** The text for people to read; bytes that are not UTF-8 become U+FFFD. */
export function toText(bytes: ByteString): string {
  return isAscii(bytes) ? bytes : Buffer.from(bytes, "latin1").toString();
}

/** A path in the form that `node:fs` takes without touching its bytes. */
export function toFsPath(path: ByteString): string | Buffer {
  return isAscii(path) ? path : Buffer.from(path, "latin1");
}

/**
 * The characters of a name: its code points, and for each byte that is not part of valid UTF-8 one lone surrogate.
 * Different bytes stay different, and each counts as one character, as they do in Go.
 */
export function toCharacters(bytes: ByteString): string {
  if (isAscii(bytes)) return bytes;
  const buffer = Buffer.from(bytes, "latin1");
  if (isUtf8(buffer)) return buffer.toString();
  let characters = "";
  for (let at = 0; at < buffer.length; ) {
    const length = sequenceLength(buffer, at);
    characters +=
      length > 0 ? buffer.toString("utf8", at, at + length) : String.fromCharCode(0xdc00 + (buffer[at] ?? 0));
    at += Math.max(length, 1);
  }
  return characters;
}

/** How many bytes the valid UTF-8 sequence at `at` has; 0 if there is none. */
function sequenceLength(buffer: Buffer, at: number): number {
  for (let length = 1; length <= 4 && at + length <= buffer.length; length++) {
    if (isUtf8(buffer.subarray(at, at + length))) return length;
  }
  return 0;
}

function isAscii(text: string): boolean {
  return !nonAscii.test(text);
}

const nonAscii = /[^\x00-\x7f]/;
