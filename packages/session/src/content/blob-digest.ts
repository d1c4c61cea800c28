import { createHash, type Hash } from "node:crypto";
import { ContentError } from "./content-error.ts";

/** Hex digits of a digest, by the algorithms that OCI registers. */
const hexDigits: ReadonlyMap<string, number> = new Map([
  ["sha256", 64],
  ["sha384", 96],
  ["sha512", 128],
]);

export interface BlobDigest {
  readonly algorithm: string;
  readonly hex: string;
}

/** Takes a digest apart. Whatever passes is safe as a pair of file names. Throws a `ContentError` with reason `invalid`. */
export function parseBlobDigest(digest: string): BlobDigest {
  const colon = digest.indexOf(":");
  const algorithm = digest.slice(0, Math.max(colon, 0));
  const hex = digest.slice(colon + 1);
  if (hexDigits.get(algorithm) !== hex.length || !/^[0-9a-f]*$/.test(hex)) {
    throw new ContentError("invalid", digest, `${JSON.stringify(digest)} is not a content digest`);
  }
  return { algorithm, hex };
}

/** A running hash that can be asked in between. */
export class BlobHasher {
  readonly algorithm: string;
  #hash: Hash;

  constructor(algorithm: string) {
    this.algorithm = algorithm;
    this.#hash = createHash(algorithm);
  }

  update(data: Uint8Array): void {
    this.#hash.update(data);
  }

  /** The digest of everything so far. */
  digest(): string {
    return `${this.algorithm}:${this.#hash.copy().digest("hex")}`;
  }

  reset(): void {
    this.#hash = createHash(this.algorithm);
  }
}
