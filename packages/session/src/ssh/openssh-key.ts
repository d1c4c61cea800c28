import { createPrivateKey, type JsonWebKey, type KeyObject } from "node:crypto";
import { SshReader } from "./wire.ts";

export const opensshBegin = "-----BEGIN OPENSSH PRIVATE KEY-----";
const opensshEnd = "-----END OPENSSH PRIVATE KEY-----";
const magic = "openssh-key-v1\0";

const curves: Readonly<Record<string, { readonly crv: string; readonly bytes: number }>> = {
  nistp256: { crv: "P-256", bytes: 32 },
  nistp384: { crv: "P-384", bytes: 48 },
  nistp521: { crv: "P-521", bytes: 66 },
};

/** Parses a private key in OpenSSH's own format. Throws when it is none, or of a kind that is not supported. */
export function parseOpensshKey(
  text: string,
): { readonly key: KeyObject; readonly comment: string } | "encrypted" {
  const begin = text.indexOf(opensshBegin) + opensshBegin.length;
  const reader = new SshReader(Buffer.from(text.slice(begin, text.indexOf(opensshEnd)), "base64"));
  for (const expected of Buffer.from(magic)) {
    if (reader.byte() !== expected) throw new Error("the key's format is not openssh-key-v1");
  }
  const cipher = reader.text();
  reader.string(); // The name of the key derivation function,
  reader.string(); // and its options.
  if (reader.uint32() !== 1) throw new Error("the file holds several keys");
  reader.string(); // The public key.
  return cipher === "none" ? parsePrivatePart(new SshReader(reader.string())) : "encrypted";
}

function parsePrivatePart(reader: SshReader): { readonly key: KeyObject; readonly comment: string } {
  const [check, again] = [reader.uint32(), reader.uint32()];
  if (check !== again) throw new Error("the key's check numbers differ");
  const jwk = parseFields(reader.text(), reader);
  return { key: createPrivateKey({ key: jwk, format: "jwk" }), comment: reader.text() };
}

function parseFields(type: string, reader: SshReader): JsonWebKey {
  if (type === "ssh-ed25519") {
    const point = reader.string();
    const seed = reader.string().subarray(0, 32);
    return { kty: "OKP", crv: "Ed25519", x: encode(point), d: encode(seed) };
  }
  if (type === "ssh-rsa") return parseRsa(reader);
  if (type.startsWith("ecdsa-sha2-")) return parseEcdsa(reader);
  throw new Error(`keys of type ${type} are not supported`);
}

function parseRsa(reader: SshReader): JsonWebKey {
  const [n, e, d, qi, p, q] = [0, 1, 2, 3, 4, 5].map(() => reader.mpint()) as [
    Buffer,
    Buffer,
    Buffer,
    Buffer,
    Buffer,
    Buffer,
  ];
  const part = (prime: Buffer) => fromInteger(integer(d) % (integer(prime) - 1n));
  return {
    kty: "RSA",
    n: encode(n),
    e: encode(e),
    d: encode(d),
    p: encode(p),
    q: encode(q),
    dp: encode(part(p)),
    dq: encode(part(q)),
    qi: encode(qi),
  };
}

function parseEcdsa(reader: SshReader): JsonWebKey {
  const name = reader.text();
  const curve = curves[name];
  if (curve === undefined) throw new Error(`the curve ${name} is not supported`);
  const { crv, bytes } = curve;
  const point = reader.string();
  const secret = reader.mpint();
  const padded = Buffer.concat([Buffer.alloc(Math.max(0, bytes - secret.length)), secret]);
  return {
    kty: "EC",
    crv,
    x: encode(point.subarray(1, 1 + bytes)),
    y: encode(point.subarray(1 + bytes)),
    d: encode(padded),
  };
}

function integer(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString("hex")}`);
}

function fromInteger(value: bigint): Buffer {
  const hex = value.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
}

function encode(bytes: Buffer): string {
  return bytes.toString("base64url");
}
