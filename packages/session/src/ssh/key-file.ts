import { createPrivateKey, type KeyObject } from "node:crypto";
import { open } from "node:fs/promises";
import { errorMessage } from "@buildkit-node/core";
import { opensshBegin, parseOpensshKey } from "./openssh-key.ts";
import { type SigningKey, signingKey } from "./signing-key.ts";
import { SshError } from "./ssh-error.ts";

/** No private key is larger. */
const maxKeyBytes = 100 * 1024;

/**
 * Reads a private key from a file: RSA, Ed25519 or ECDSA, in OpenSSH's own format or PEM (PKCS #1, SEC 1, PKCS #8), without a
 * passphrase. Throws an `SshError` that says why not.
 */
export async function readKeyFile(path: string): Promise<SigningKey> {
  const text = await readText(path);
  const { key, comment } = parse(path, text);
  const usable = signingKey(key, comment === "" ? path : comment);
  if (usable === undefined) {
    throw new SshError(
      path,
      `${path} holds a key of a kind that is not supported: use Ed25519, ECDSA or RSA`,
    );
  }
  return usable;
}

async function readText(path: string): Promise<string> {
  try {
    const file = await open(path, "r");
    try {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(maxKeyBytes), 0, maxKeyBytes, 0);
      return buffer.toString("latin1", 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw new SshError(path, `cannot read ${path}: ${errorMessage(cause)}`, { cause });
  }
}

function parse(path: string, text: string): { readonly key: KeyObject; readonly comment: string } {
  try {
    if (text.includes(opensshBegin)) {
      const parsed = parseOpensshKey(text);
      if (parsed !== "encrypted") return parsed;
    } else if (!/^(?:Proc-Type: 4,ENCRYPTED|-----BEGIN ENCRYPTED PRIVATE KEY-----)\s*$/m.test(text)) {
      return { key: createPrivateKey(text), comment: "" };
    }
  } catch (cause) {
    throw new SshError(path, `${path} is not a private key that can be read`, { cause });
  }
  throw new SshError(
    path,
    `the key in ${path} has a passphrase: add it to an SSH agent with ssh-add and forward that, or use a key without one`,
  );
}
