import { createHash, type Hash } from "node:crypto";
import { type DigestAlgorithm, type DigestText, isDigest } from "@buildkit-node/oci";
import { ContentError } from "./content-error.ts";

export interface BlobDigest {
  readonly algorithm: DigestAlgorithm;
  readonly hex: string;
}

/** Takes a digest apart. Whatever passes is safe as a pair of file names. Throws a `ContentError` with reason `invalid`. */
export function parseBlobDigest(digest: string): BlobDigest {
  checkDigest(digest);
  const [algorithm, hex = ""] = digest.split(":");
  return { algorithm: algorithm as DigestAlgorithm, hex };
}

/** Throws a `ContentError` with reason `invalid`. */
export function checkDigest(digest: string): asserts digest is DigestText {
  if (!isDigest(digest)) {
    throw new ContentError("invalid", digest, `${JSON.stringify(digest)} is not a content digest`);
  }
}

/** A running hash that can be asked in between. */
export class BlobHasher {
  readonly algorithm: DigestAlgorithm;
  #hash: Hash;

  constructor(algorithm: DigestAlgorithm) {
    this.algorithm = algorithm;
    this.#hash = createHash(algorithm);
  }

  update(data: Uint8Array): void {
    this.#hash.update(data);
  }

  /** The digest of everything so far. */
  digest(): DigestText {
    return `${this.algorithm}:${this.#hash.copy().digest("hex")}`;
  }

  reset(): void {
    this.#hash = createHash(this.algorithm);
  }
}
