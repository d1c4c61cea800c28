import { sha256 as noble } from "@noble/hashes/sha2.js";
import { base16 } from "multiformats/bases/base16";
import { type Sha256, sha256From } from "./hasher.ts";

/** SHA-256 in JavaScript: what browsers offer themselves is asynchronous, and marshalling is not. */
export const sha256: Sha256 = sha256From({
  encode: (bytes) => new Uint8Array(noble(bytes)),
  hex: (bytes) => base16.baseEncode(noble(bytes)),
});
