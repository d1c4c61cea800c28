import { type KeyObject, sign } from "node:crypto";
import { sshMpint, sshString } from "./wire.ts";

/** Flags of an agent's sign request that choose the hash of an RSA signature. */
const rsaSha256Flag = 2;
const rsaSha512Flag = 4;

/** The curves of SSH, by their names in JSON Web Keys. */
const curves: Readonly<Record<string, { readonly name: string; readonly hash: string }>> = {
  "P-256": { name: "nistp256", hash: "sha256" },
  "P-384": { name: "nistp384", hash: "sha384" },
  "P-521": { name: "nistp521", hash: "sha512" },
};

/** The types of keys, as Node names them, of which SSH may know some. */
const supportedTypes: ReadonlySet<KeyObject["asymmetricKeyType"]> = new Set(["rsa", "ed25519", "ec"]);

/** A private key that can do what an agent's clients ask for. */
export interface SigningKey {
  /** The public key as SSH writes it, without base64. */
  readonly publicBlob: Buffer;
  /** What `ssh-add -l` shows beside it. */
  readonly comment: string;
  /** The signature as SSH writes it. `flags` are those of the agent protocol; unknown ones are ignored. */
  sign(data: Uint8Array, flags: number): Buffer;
}

/** Makes a signing key of an RSA, Ed25519 or ECDSA private key; answers nothing for any other kind. */
export function signingKey(key: KeyObject, comment: string): SigningKey | undefined {
  if (!supportedTypes.has(key.asymmetricKeyType)) return undefined;
  const { kty, crv = "", x, y, n, e } = key.export({ format: "jwk" });
  if (kty === "RSA") return rsaKey(key, comment, decode(n), decode(e));
  if (kty === "OKP" && crv === "Ed25519") return ed25519Key(key, comment, decode(x));
  const curve = curves[crv];
  if (kty === "EC" && curve !== undefined) {
    return ecdsaKey(key, comment, curve, Buffer.concat([Buffer.from([4]), decode(x), decode(y)]));
  }
  return undefined;
}

function ed25519Key(key: KeyObject, comment: string, point: Buffer): SigningKey {
  return {
    comment,
    publicBlob: Buffer.concat([sshString("ssh-ed25519"), sshString(point)]),
    sign: (data) => Buffer.concat([sshString("ssh-ed25519"), sshString(sign(null, data, key))]),
  };
}

function rsaKey(key: KeyObject, comment: string, modulus: Buffer, exponent: Buffer): SigningKey {
  return {
    comment,
    publicBlob: Buffer.concat([sshString("ssh-rsa"), sshMpint(exponent), sshMpint(modulus)]),
    sign: (data, flags) => {
      const [format, hash] =
        (flags & rsaSha512Flag) !== 0
          ? ["rsa-sha2-512", "sha512"]
          : (flags & rsaSha256Flag) !== 0
            ? ["rsa-sha2-256", "sha256"]
            : ["ssh-rsa", "sha1"];
      return Buffer.concat([sshString(format), sshString(sign(hash, data, key))]);
    },
  };
}

function ecdsaKey(
  key: KeyObject,
  comment: string,
  curve: { readonly name: string; readonly hash: string },
  point: Buffer,
): SigningKey {
  const format = `ecdsa-sha2-${curve.name}`;
  return {
    comment,
    publicBlob: Buffer.concat([sshString(format), sshString(curve.name), sshString(point)]),
    sign: (data) => {
      // Two integers of equal length, one after the other.
      const signature = sign(curve.hash, data, { key, dsaEncoding: "ieee-p1363" });
      const half = signature.length / 2;
      const integers = [sshMpint(signature.subarray(0, half)), sshMpint(signature.subarray(half))];
      return Buffer.concat([sshString(format), sshString(...integers)]);
    },
  };
}

function decode(base64url: string | undefined): Buffer {
  return Buffer.from(base64url ?? "", "base64url");
}
