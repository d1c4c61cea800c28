/** Anything that JSON can hold. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

/** A JSON object. */
export interface JsonObject {
  readonly [key: string]: Json;
}

/** Raised for JSON that does not have the form of a graph. */
export class MalformedJsonError extends Error {}

/** The value, if it is an object. */
export function jsonObject(value: Json | undefined): JsonObject {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as JsonObject;
  }
  throw new MalformedJsonError(`expected an object, not ${JSON.stringify(value)}`);
}

/** The value, if it is a list. */
export function jsonArray(value: Json | undefined): readonly Json[] {
  if (Array.isArray(value)) {
    return value as readonly Json[];
  }
  throw new MalformedJsonError(`expected a list, not ${JSON.stringify(value)}`);
}

/** The value, if it is a text. */
export function jsonText(value: Json | undefined): string {
  if (typeof value === "string") {
    return value;
  }
  throw new MalformedJsonError(`expected a text, not ${JSON.stringify(value)}`);
}

/** The value, if it is true or false. */
export function jsonBoolean(value: Json | undefined): boolean {
  if (typeof value === "boolean") {
    return value;
  }
  throw new MalformedJsonError(`expected true or false, not ${JSON.stringify(value)}`);
}

/** Bytes as a text where they are readable UTF-8, else as base64. */
export function bytesToJson(bytes: Uint8Array): Json {
  const text = readableText(bytes);
  return text === undefined ? { base64: toBase64(bytes) } : { text };
}

/** The reverse of {@link bytesToJson}. */
export function bytesFromJson(value: Json): Uint8Array {
  const object = jsonObject(value);
  return "text" in object
    ? new TextEncoder().encode(jsonText(object["text"]))
    : fromBase64(jsonText(object["base64"]));
}

/** Base64 of some bytes. */
export function toBase64(bytes: Uint8Array): string {
  let binary = "";
  for (let at = 0; at < bytes.length; at += 0x8000) {
    binary += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  }
  return btoa(binary);
}

/** The bytes behind base64. */
export function fromBase64(text: string): Uint8Array {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch (cause) {
    throw new MalformedJsonError(`${JSON.stringify(text)} is not base64`, { cause });
  }
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function readableText(bytes: Uint8Array): string | undefined {
  try {
    const text = decoder.decode(bytes);
    return /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}
