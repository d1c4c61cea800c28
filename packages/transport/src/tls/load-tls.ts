import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { SecureContext } from "node:tls";
import { errorMessage } from "@buildkit-node/core";
import { ConnectError } from "../connect-error.ts";
import type { Environment } from "../surroundings.ts";
import { machineRoots } from "./machine-roots.ts";
import type { PemSource, TlsOptions } from "./tls-options.ts";

/**
 * Reads the files that the options name, anew for each connection: short-lived certificates are replaced on disk.
 *
 * @throws {ConnectError}
 */
export async function loadTls(address: string, tls: TlsOptions, env: Environment): Promise<SecureContext> {
  try {
    const { ca, cert, key } = tls.dir === undefined ? await fromOptions(tls) : await fromFolder(tls.dir);
    return process.getBuiltinModule("node:tls").createSecureContext({
      ca: ca === undefined ? await machineRoots(env) : [ca],
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
    });
  } catch (error) {
    const { message: problem, advice, cause } = error instanceof Unusable ? error : refused(error);
    throw new ConnectError([{ address, failure: "tls", problem, advice }], { cause });
  }
}

/** What is wrong with a file or with PEM, and what to do. */
class Unusable extends Error {
  readonly advice: string;

  constructor(problem: string, advice: string, options?: { readonly cause?: unknown }) {
    super(problem, options);
    this.advice = advice;
  }
}

/** OpenSSL's errors name neither file nor reason, and hold nothing of the key. */
function refused(cause: unknown): Unusable {
  const mismatch =
    cause instanceof Error && "code" in cause && /KEY_(VALUES|TYPE)_MISMATCH$/.test(`${cause.code}`);
  if (mismatch) {
    const problem = "the client certificate and the key do not belong together";
    return new Unusable(problem, "give the certificate's own key", { cause });
  }
  const problem = `the certificates or the key cannot be used: ${errorMessage(cause)}`;
  return new Unusable(problem, "check that each is a PEM file of its kind", { cause });
}

interface Material {
  readonly ca: Buffer | undefined;
  readonly cert: Buffer | undefined;
  readonly key: Buffer | undefined;
}

async function fromOptions({ ca, cert, key }: TlsOptions): Promise<Material> {
  return {
    ca: await read("tls.ca", ca),
    cert: await read("tls.cert", cert),
    key: await read("tls.key", key),
  };
}

async function fromFolder(dir: string): Promise<Material> {
  const material: Material = {
    ca: await firstOf(dir, ["ca.pem", "ca.crt"]),
    cert: await firstOf(dir, ["cert.pem", "tls.crt"]),
    key: await firstOf(dir, ["key.pem", "tls.key"]),
  };
  if (Object.values(material).every((one) => one === undefined)) {
    throw new Unusable(
      `the folder ${dir} holds no TLS files`,
      "it should have ca.pem (or ca.crt), cert.pem (or tls.crt) and key.pem (or tls.key)",
    );
  }
  if ((material.cert === undefined) !== (material.key === undefined)) {
    const [has, lacks] = material.key === undefined ? ["certificate", "key"] : ["key", "certificate"];
    throw new Unusable(`the folder ${dir} has a ${has} and no ${lacks}`, "put both there, or neither");
  }
  return material;
}

async function firstOf(dir: string, names: readonly string[]): Promise<Buffer | undefined> {
  for (const name of names) {
    const file = join(dir, name);
    try {
      return checked(file, await readFile(file));
    } catch (error) {
      if (!isMissing(error)) throw unreadable(file, error);
    }
  }
  return undefined;
}

async function read(option: string, source: PemSource | undefined): Promise<Buffer | undefined> {
  if (source === undefined) return undefined;
  if (typeof source !== "string" || source.includes(begin)) return checked(option, Buffer.from(source));
  try {
    return checked(source, await readFile(source));
  } catch (error) {
    // Bare base64 given by mistake may be the key itself.
    if (/^[A-Za-z0-9+/=\s]{64,}$/.test(source))
      throw new Unusable(`${option} is no file and not PEM`, pemAdvice);
    throw unreadable(source, error);
  }
}

const begin = "-----BEGIN";
const pemAdvice = `it should hold a line that begins with ${begin}`;

function checked(place: string, bytes: Buffer): Buffer {
  // OpenSSL takes an authority's file without a certificate in it for one that trusts nobody.
  if (!bytes.includes(begin)) throw new Unusable(`${place} is not PEM`, pemAdvice);
  if (bytes.includes("ENCRYPTED")) {
    throw new Unusable(`the key in ${place} is encrypted`, "give a key without a passphrase");
  }
  return bytes;
}

function unreadable(file: string, error: unknown): Unusable {
  if (error instanceof Unusable) return error;
  return new Unusable(`the TLS file ${file} cannot be read`, errorMessage(error), { cause: error });
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
