import { create } from "multiformats/hashes/digest";
import type { SyncMultihashHasher } from "multiformats/hashes/interface";

/** SHA-256 without waiting: a multiformats hasher, and the hex form that digests are written in. */
export interface Sha256 extends SyncMultihashHasher<0x12> {
  /** The hash in lower-case hex. */
  hex(bytes: Uint8Array): string;
}

/** Makes the hasher from what a platform offers. */
export function sha256From(primitives: Pick<Sha256, "encode" | "hex">): Sha256 {
  const code = 0x12;
  return {
    name: "sha2-256",
    code,
    ...primitives,
    digest: (bytes) => create(code, primitives.encode(bytes)),
  };
}
