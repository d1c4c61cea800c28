import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createSecureContext, type SecureContext } from "node:tls";
import { errorMessage } from "@buildkit-node/core";
import { ConnectError, type ConnectFailure } from "../connect-error.ts";
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
    return createSecureContext({
      ca: ca === undefined ? await machineRoots(env) : [ca],
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
    });
  } catch (error) {
    const { problem, advice } = error instanceof MaterialError ? error : explain(error);
    const failure: ConnectFailure = "tls";
    throw new ConnectError([{ address, failure, problem, advice }], { cause: error });
  }
}

interface Material {
  readonly ca: Buffer | undefined;
  readonly cert: Buffer | undefined;
  readonly key: Buffer | undefined;
}

class MaterialError extends Error {
  readonly problem: string;
  readonly advice: string;

  constructor(problem: string, advice: string, cause?: unknown) {
    super(problem, { cause });
    this.problem = problem;
    this.advice = advice;
  }
}

async function fromOptions({ ca, cert, key }: TlsOptions): Promise<Material> {
  return { ca: await read("ca", ca), cert: await read("cert", cert), key: await read("key", key) };
}

async function fromFolder(dir: string): Promise<Material> {
  const material: Material = {
    ca: await firstOf(dir, ["ca.pem", "ca.crt"]),
    cert: await firstOf(dir, ["cert.pem", "tls.crt"]),
    key: await firstOf(dir, ["key.pem", "tls.key"]),
  };
  if (Object.values(material).every((one) => one === undefined)) {
    throw new MaterialError(
      `the folder ${dir} holds no TLS files`,
      "it should have ca.pem (or ca.crt), cert.pem (or tls.crt) and key.pem (or tls.key)",
    );
  }
  if ((material.cert === undefined) !== (material.key === undefined)) {
    const [has, lacks] = material.key === undefined ? ["certificate", "key"] : ["key", "certificate"];
    throw new MaterialError(`the folder ${dir} has a ${has} and no ${lacks}`, "put both there, or neither");
  }
  return material;
}

async function firstOf(dir: string, names: readonly string[]): Promise<Buffer | undefined> {
  for (const name of names) {
    const file = join(dir, name);
    try {
      return checkPem(file, await readFile(file));
    } catch (error) {
      if (!isMissing(error)) throw unreadable(file, error);
    }
  }
  return undefined;
}

async function read(option: string, source: PemSource | undefined): Promise<Buffer | undefined> {
  if (source === undefined) return undefined;
  if (typeof source !== "string") return checkPem(`tls.${option}`, Buffer.from(source));
  if (source.includes(begin)) return Buffer.from(source);
  try {
    return checkPem(source, await readFile(source));
  } catch (error) {
    throw unreadable(source, error);
  }
}

const begin = "-----BEGIN";

/** OpenSSL takes an authority's file without a certificate in it for one that trusts nobody. */
function checkPem(place: string, bytes: Buffer): Buffer {
  if (bytes.includes(begin)) return bytes;
  throw new MaterialError(`${place} is not PEM`, `it should hold a line that begins with ${begin}`);
}

function unreadable(file: string, error: unknown): MaterialError {
  if (error instanceof MaterialError) return error;
  return new MaterialError(`the TLS file ${file} cannot be read`, errorMessage(error), error);
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

/** What OpenSSL says of the certificate and the key; its errors hold neither. */
function explain(error: unknown): { readonly problem: string; readonly advice: string } {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  switch (code) {
    case "ERR_OSSL_X509_KEY_VALUES_MISMATCH":
    case "ERR_OSSL_X509_KEY_TYPE_MISMATCH":
      return {
        problem: "the client certificate and the key do not belong together",
        advice: "give the certificate's own key",
      };
    case "ERR_MISSING_PASSPHRASE":
    case "ERR_OSSL_CRYPTO_INTERRUPTED_OR_CANCELLED":
    case "ERR_OSSL_EVP_BAD_DECRYPT":
      return {
        problem: "the key of the client certificate is encrypted",
        advice: "give a key without a passphrase",
      };
    default:
      return {
        problem: `the certificates or the key cannot be used: ${errorMessage(error)}`,
        advice: "check that they are PEM files of the right kind",
      };
  }
}
