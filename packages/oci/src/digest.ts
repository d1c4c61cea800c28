import { InvalidArgumentError } from "@buildkit-node/core";
import { base16 } from "multiformats/bases/base16";
import { create, type Digest as MultihashDigest } from "multiformats/hashes/digest";
import type { SyncMultihashHasher } from "multiformats/hashes/interface";

/** A content digest as OCI writes it, such as `sha256:4bcf…`: an algorithm and lower-case hex. */
export type DigestText = `${DigestAlgorithm}:${string}`;

/** The algorithms that registries and BuildKit accept. */
export type DigestAlgorithm = "sha256" | "sha384" | "sha512";

/** A digest taken apart. */
export interface Digest {
  readonly algorithm: DigestAlgorithm;
  /** Lower-case hex of the hash. */
  readonly hex: string;
  /** The hash as a multihash: its code, its bytes, and both together. */
  readonly multihash: MultihashDigest<number, number>;
}

const algorithms: Readonly<Record<DigestAlgorithm, { readonly code: number; readonly hexLength: number }>> = {
  sha256: { code: 0x12, hexLength: 64 },
  sha384: { code: 0x20, hexLength: 96 },
  sha512: { code: 0x13, hexLength: 128 },
};

/**
 * Takes `algorithm:hex` apart.
 *
 * @throws InvalidArgumentError for another form, an unknown algorithm, upper-case hex or the wrong length
 */
export function parseDigest(text: string): Digest {
  const [name = "", hex = ""] = splitOnce(text, ":");
  const algorithm = knownAlgorithm(name);
  if (algorithm === undefined) {
    throw invalid(text, `expected sha256:, sha384: or sha512: followed by lower-case hex`);
  }
  const { code, hexLength } = algorithms[algorithm];
  if (hex.length !== hexLength || !/^[0-9a-f]*$/.test(hex)) {
    throw invalid(text, `${algorithm} takes ${hexLength} lower-case hex digits`);
  }
  return { algorithm, hex, multihash: create(code, base16.decode(`f${hex}`)) };
}

/** Whether a text is a whole, valid digest. */
export function isDigest(text: string): text is DigestText {
  const [name = "", hex = ""] = splitOnce(text, ":");
  const algorithm = knownAlgorithm(name);
  return algorithm !== undefined && hex.length === algorithms[algorithm].hexLength && /^[0-9a-f]*$/.test(hex);
}

/** Writes a multihash of the SHA-2 family in the form of OCI. */
export function formatDigest(multihash: { readonly code: number; readonly digest: Uint8Array }): DigestText {
  for (const [algorithm, { code }] of Object.entries(algorithms)) {
    if (code === multihash.code) {
      return `${algorithm as DigestAlgorithm}:${base16.baseEncode(multihash.digest)}`;
    }
  }
  throw new InvalidArgumentError(
    "multihash",
    multihash.code,
    `multihash code 0x${multihash.code.toString(16)} has no OCI name: use sha2-256, sha2-384 or sha2-512`,
  );
}

/** The digest of some bytes, by a synchronous hasher of the SHA-2 family. */
export function digestOf(
  hasher: Pick<SyncMultihashHasher, "code" | "encode">,
  bytes: Uint8Array,
): DigestText {
  return formatDigest({ code: hasher.code, digest: hasher.encode(bytes) });
}

function knownAlgorithm(name: string): DigestAlgorithm | undefined {
  return name === "sha256" || name === "sha384" || name === "sha512" ? name : undefined;
}

function splitOnce(text: string, separator: string): [string, string?] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function invalid(text: string, why: string): InvalidArgumentError {
  return new InvalidArgumentError(
    "digest",
    text,
    `${JSON.stringify(text)} is not a valid content digest: ${why}`,
  );
}
