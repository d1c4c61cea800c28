import { readFile } from "node:fs/promises";
import type { Environment } from "../surroundings.ts";

/** Where Linux distributions and the BSDs keep their authorities in one file. */
const bundles: readonly string[] = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

/**
 * The authorities that this machine trusts: Node's own list with `NODE_EXTRA_CA_CERTS`, and the operating system's
 * (`SSL_CERT_FILE` names another file for them). Node tells the system's from 22.15 on; before, they are read from the
 * file that the system keeps them in, which Windows and macOS have not.
 */
export async function machineRoots(env: Environment): Promise<string[]> {
  const { rootCertificates } = process.getBuiltinModule("node:tls");
  return [...rootCertificates, ...(await extraRoots(env)), ...(await systemRoots(env))];
}

async function extraRoots(env: Environment): Promise<string[]> {
  const file = env["NODE_EXTRA_CA_CERTS"];
  return file === undefined || file === "" ? [] : firstReadable([file]);
}

async function systemRoots(env: Environment): Promise<readonly string[]> {
  const file = env["SSL_CERT_FILE"];
  if (file !== undefined && file !== "") return firstReadable([file]);
  const tls = process.getBuiltinModule("node:tls");
  const told = "getCACertificates" in tls ? tls.getCACertificates : undefined;
  return typeof told === "function" ? told("system") : firstReadable(bundles);
}

/** The first file that can be read: like OpenSSL, this takes one that cannot be read for an empty one. */
async function firstReadable(files: readonly string[]): Promise<string[]> {
  for (const file of files) {
    try {
      return [await readFile(file, "utf8")];
    } catch {
      // Another system's place.
    }
  }
  return [];
}
