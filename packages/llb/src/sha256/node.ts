import { hash } from "node:crypto";
import { type Sha256, sha256From } from "./hasher.ts";

/** SHA-256 by Node's OpenSSL. */
export const sha256: Sha256 = sha256From({
  encode: (bytes) => new Uint8Array(hash("sha256", bytes, "buffer")),
  hex: (bytes) => hash("sha256", bytes, "hex"),
});
