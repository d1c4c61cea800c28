import { createHash } from "node:crypto";
import { BuildkitError } from "@buildkit-node/core";
import { type DigestText, parseDigest } from "@buildkit-node/oci";
import { StatusError, scopedStream } from "@buildkit-node/transport";
import type { Bridge } from "../bridge.ts";

/** The daemon does not give out an image's documents. */
export interface NoContent {
  readonly reason: string;
}

/** Larger than any manifest or index that registries take. */
const maxDocumentBytes = 16 * 1024 * 1024;

/**
 * Reads a document from the daemon's content store, where resolving an image leaves what it has read. Its bytes have
 * been held against the digest.
 *
 * @returns undefined when the daemon does not have it
 * @throws {BuildkitError} when its bytes are not those of the digest
 */
export async function readBlob(
  bridge: Bridge,
  digest: DigestText,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | NoContent | undefined> {
  const { content } = bridge;
  if (content === undefined)
    return { reason: "a frontend in an image cannot read the daemon's content store" };
  const pieces: Uint8Array[] = [];
  let total = 0;
  try {
    for await (const { data } of scopedStream(
      (scoped) => content.read({ digest }, { signal: scoped }),
      signal,
    )) {
      total += data.length;
      if (total > maxDocumentBytes) throw contentError(digest, "is larger than any manifest may be");
      pieces.push(data);
    }
  } catch (error) {
    if (error instanceof StatusError && error.status === "NotFound") return undefined;
    if (error instanceof StatusError && error.status === "Unimplemented") {
      return { reason: "the daemon has no content service: that needs BuildKit 0.11" };
    }
    throw error;
  }
  return checked(Buffer.concat(pieces), digest);
}

/** The bytes, when they are those of the digest. @throws {BuildkitError} */
export function checked(bytes: Uint8Array, digest: DigestText): Uint8Array {
  if (!hasDigest(bytes, digest)) throw contentError(digest, "has other bytes than its digest says");
  return bytes;
}

/** Whether some bytes are those of a digest. */
export function hasDigest(bytes: Uint8Array, digest: DigestText): boolean {
  const { algorithm, hex } = parseDigest(digest);
  return createHash(algorithm).update(bytes).digest("hex") === hex;
}

function contentError(digest: DigestText, problem: string): BuildkitError {
  return new BuildkitError("ERR_BUILDKIT_CONTENT", `the daemon's blob ${digest} ${problem}`);
}
