import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { isIPv4 } from "node:net";

/** A certificate and its key, in PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** An authority that signs certificates, for tests alone. */
export interface Authority extends Certificate {
  issue(options: {
    /** DNS names and IPv4 addresses that the certificate is for; none for a client's. */
    readonly names?: readonly string[];
    /** Default: from a day ago to a day from now. */
    readonly from?: Date;
    readonly until?: Date;
  }): Certificate;
}

/** Makes an authority of its own key. Nothing outside Node is needed. */
export function createAuthority(name: string): Authority {
  const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const own = {
    issuer: name,
    subject: name,
    publicKey: keys.publicKey,
    signer: keys.privateKey,
    authority: true,
  };
  return {
    cert: certificate({ ...own, names: [], from: day(-1), until: day(1) }),
    key: pemKey(keys.privateKey),
    issue: ({ names = [], from = day(-1), until = day(1) }) => {
      const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const parts = { issuer: name, subject: `leaf of ${name}`, publicKey, signer: keys.privateKey };
      return {
        cert: certificate({ ...parts, authority: false, names, from, until }),
        key: pemKey(privateKey),
      };
    },
  };
}

/** A day so many days from now. */
export function day(offset: number): Date {
  return new Date(Date.now() + offset * 86_400_000);
}

interface Parts {
  readonly issuer: string;
  readonly subject: string;
  readonly publicKey: KeyObject;
  readonly signer: KeyObject;
  readonly authority: boolean;
  readonly names: readonly string[];
  readonly from: Date;
  readonly until: Date;
}

/** A certificate of X.509 version 3 (RFC 5280), signed with ECDSA and SHA-256. */
function certificate(parts: Parts): string {
  const algorithm = sequence(objectId("2a8648ce3d040302"));
  const body = sequence(
    der(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.of(1), randomBytes(8)])),
    algorithm,
    commonName(parts.issuer),
    sequence(time(parts.from), time(parts.until)),
    commonName(parts.subject),
    parts.publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(...extensions(parts))),
  );
  const signature = sign("sha256", body, { key: parts.signer, dsaEncoding: "der" });
  const bytes = sequence(body, algorithm, bitString(signature));
  const lines = bytes.toString("base64").match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}

function extensions({ authority, names }: Parts): Buffer[] {
  const isAuthority = authority ? [der(0x01, Buffer.from([0xff]))] : [];
  const found = [extension("551d13", true, sequence(...isAuthority))];
  if (names.length > 0) found.push(extension("551d11", false, sequence(...names.map(alternativeName))));
  return found;
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  const flag = critical ? [der(0x01, Buffer.from([0xff]))] : [];
  return sequence(objectId(id), ...flag, der(0x04, value));
}

function alternativeName(name: string): Buffer {
  return isIPv4(name) ? der(0x87, Buffer.from(name.split(".").map(Number))) : der(0x82, Buffer.from(name));
}

function commonName(name: string): Buffer {
  return sequence(der(0x31, sequence(objectId("550403"), der(0x0c, Buffer.from(name)))));
}

function time(date: Date): Buffer {
  return der(0x18, Buffer.from(`${date.toISOString().replace(/[-:T]|\..*/g, "")}Z`));
}

function integer(bytes: Buffer): Buffer {
  // A leading zero keeps it positive.
  return der(0x02, (bytes[0] ?? 0) > 127 ? Buffer.concat([Buffer.of(0), bytes]) : bytes);
}

function bitString(bytes: Buffer): Buffer {
  return der(0x03, Buffer.concat([Buffer.of(0), bytes]));
}

function objectId(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, "hex"));
}

function sequence(...items: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(items));
}

/** Tag, length, value. */
function der(tag: number, value: Buffer): Buffer {
  if (value.length < 128) return Buffer.concat([Buffer.of(tag, value.length), value]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(value.length);
  const bytes = length.subarray(length.findIndex((byte) => byte !== 0));
  return Buffer.concat([Buffer.of(tag, 0x80 | bytes.length), bytes, value]);
}

function pemKey(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}
