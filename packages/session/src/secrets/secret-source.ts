import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { BuildkitError, errorMessage, InvalidArgumentError } from "@buildkit-node/core";

/** The largest secret that daemons take, in bytes. */
export const maxSecretBytes: number = 500 * 1024;

/** Finds a secret when it is asked for; `undefined` when there is none of this id. */
export type SecretProvider = (
  id: string,
  options: { readonly signal: AbortSignal },
) => Promise<Uint8Array | string | undefined>;

/** Where a secret comes from. Files and functions are read each time that a build asks. */
export type SecretSource =
  | { readonly file: string }
  | { readonly env: string }
  | { readonly value: Uint8Array | string }
  | SecretProvider;

/**
 * Checks what can be checked before a build asks. Throws an `InvalidArgumentError` that names the secret, never what it is:
 * for what is no source, a file that is missing or too large, a variable that is not set, a value that is too large.
 */
export async function checkSecret(id: string, source: SecretSource, env: NodeJS.ProcessEnv): Promise<void> {
  if (typeof source === "function") return;
  // Such as the value itself, which no error may repeat.
  if (typeof source !== "object" || source === null) {
    const message = `the secret ${id} is no source of one: write { value }, { env } or { file }`;
    throw new InvalidArgumentError("secrets", id, message);
  }
  if ("file" in source) {
    const found = await stat(source.file).catch((cause: unknown) => {
      const message = `the file ${source.file} of the secret ${id} cannot be read: ${errorMessage(cause)}`;
      throw new InvalidArgumentError("secrets", id, message, { cause });
    });
    if (found.isDirectory()) {
      const message = `the file ${source.file} of the secret ${id} is a directory`;
      throw new InvalidArgumentError("secrets", id, message);
    }
    checkSize(id, found.size);
  } else if ("env" in source) {
    const value = env[source.env];
    if (value === undefined) {
      const message = `the variable ${source.env} of the secret ${id} is not set`;
      throw new InvalidArgumentError("secrets", id, message);
    }
    checkSize(id, Buffer.byteLength(value));
  } else if (typeof source.value === "string" || source.value instanceof Uint8Array) {
    checkSize(id, Buffer.byteLength(source.value));
  } else {
    throw new InvalidArgumentError("secrets", id, `the value of the secret ${id} is neither text nor bytes`);
  }
}

/** The secret's bytes, or `undefined` when there is none. Throws an error that names the secret, never what it is. */
export async function readSecret(
  id: string,
  source: SecretSource,
  options: { readonly env: NodeJS.ProcessEnv; readonly signal: AbortSignal },
): Promise<Uint8Array | undefined> {
  const value = await fetchValue(id, source, options);
  if (value === undefined) return undefined;
  const bytes = typeof value === "string" ? Buffer.from(value) : value;
  checkSize(id, bytes.length);
  return bytes;
}

async function fetchValue(
  id: string,
  source: SecretSource,
  { env, signal }: { readonly env: NodeJS.ProcessEnv; readonly signal: AbortSignal },
): Promise<Uint8Array | string | undefined> {
  if (typeof source === "function") return source(id, { signal });
  if ("env" in source) return env[source.env];
  if ("value" in source) return source.value;
  try {
    return await readUpTo(source.file, maxSecretBytes + 1, signal);
  } catch (cause) {
    signal.throwIfAborted();
    const message = `cannot read the file ${source.file} of the secret ${id}: ${errorMessage(cause)}`;
    throw new BuildkitError("ERR_BUILDKIT_LOCAL_SOURCE", message, { cause });
  }
}

/** The first bytes of a file, which may be a device that never ends. */
async function readUpTo(file: string, bytes: number, signal: AbortSignal): Promise<Uint8Array> {
  const pieces: Buffer[] = [];
  for await (const piece of createReadStream(file, { end: bytes - 1, signal })) pieces.push(piece);
  return Buffer.concat(pieces);
}

function checkSize(id: string, bytes: number): void {
  if (bytes <= maxSecretBytes) return;
  const message = `the secret ${id} has more than the ${maxSecretBytes} bytes that BuildKit takes`;
  throw new InvalidArgumentError("secrets", id, message);
}
