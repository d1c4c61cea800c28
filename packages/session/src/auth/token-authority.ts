import { createHmac, createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";

/** Everything that precedes the seed in the PKCS #8 form of an Ed25519 private key. */
const pkcs8Prefix = Buffer.from("302e020100300506032b657004220420", "hex");

const ed25519KeyBytes = 32;

/**
 * The key by which a daemon knows clients with the same credentials again, without seeing them: Ed25519, from the daemon's
 * salt and a seed that only the owner of the credentials has. Clients without credentials all have the same.
 */
export class TokenAuthority {
  readonly #privateKey: KeyObject;

  /** `seed` is the client's own for the registry, and absent when it uses the registry anonymously. */
  constructor(salt: Uint8Array, seed: Uint8Array | undefined) {
    const hmac = createHmac("sha256", salt);
    if (seed !== undefined) hmac.update(seed);
    const der = Buffer.concat([pkcs8Prefix, hmac.digest()]);
    this.#privateKey = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  }

  /** 32 bytes. */
  publicKey(): Uint8Array {
    const der = createPublicKey(this.#privateKey).export({ format: "der", type: "spki" });
    return der.subarray(-ed25519KeyBytes);
  }

  /** The signature followed by the payload, as NaCl's `sign` lays it out. */
  sign(payload: Uint8Array): Uint8Array {
    return Buffer.concat([sign(null, payload, this.#privateKey), payload]);
  }
}
