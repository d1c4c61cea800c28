import { readFile } from "node:fs/promises";
import path from "node:path";
import { InvalidArgumentError } from "@buildkit-node/core";

/** Certificates or a key in PEM: a file, or the text itself. */
export type Pem = { readonly file: string } | string | Uint8Array;

/** How a TCP address is secured. Giving it, even empty, asks for TLS. */
export interface TlsOptions {
  /** Whom to trust. Default: the roots that Node trusts. */
  readonly ca?: Pem;
  /** This client's certificate, for daemons that ask for one; needs `key`. */
  readonly cert?: Pem;
  readonly key?: Pem;
  /** The name that the daemon's certificate must have. Default: the address's host. */
  readonly serverName?: string;
  /**
   * A directory with `ca.pem`, `cert.pem` and `key.pem`, or `ca.crt`, `tls.crt` and `tls.key`: those of them that are
   * there are used, the `.pem` names first. Not together with `ca`, `cert` or `key`.
   */
  readonly directory?: string;
}

/** TLS options with their files read. */
export interface TlsMaterial {
  readonly ca?: Buffer | string;
  readonly cert?: Buffer | string;
  readonly key?: Buffer | string;
  readonly serverName?: string;
}

/** @throws {InvalidArgumentError} for options that do not go together or files that cannot be read */
export async function readTlsMaterial(options: TlsOptions): Promise<TlsMaterial> {
  const { ca, cert, key, serverName, directory } = options;
  const given = { ca, cert, key };
  const names = serverName === undefined ? {} : { serverName };
  if (directory !== undefined) {
    const extra = Object.entries(given).find(([, value]) => value !== undefined)?.[0];
    if (extra !== undefined) {
      throw new InvalidArgumentError("tls", extra, `tls.directory and tls.${extra} cannot be given together`);
    }
    return { ...(await readDirectory(directory)), ...names };
  }
  checkPair(cert, key);
  const [caBytes, certBytes, keyBytes] = await Promise.all([
    readPem("ca", ca),
    readPem("cert", cert),
    readPem("key", key),
  ]);
  return { ...material(caBytes, certBytes, keyBytes), ...names };
}

function checkPair(cert: unknown, key: unknown): void {
  if ((cert === undefined) === (key === undefined)) return;
  const missing = cert === undefined ? "cert" : "key";
  throw new InvalidArgumentError(`tls.${missing}`, undefined, "tls.cert and tls.key belong together");
}

async function readPem(name: string, pem: Pem | undefined): Promise<Buffer | string | undefined> {
  if (pem === undefined || typeof pem === "string") return pem;
  if (pem instanceof Uint8Array) return Buffer.from(pem);
  try {
    return await readFile(pem.file);
  } catch (cause) {
    throw new InvalidArgumentError(
      `tls.${name}`,
      pem.file,
      `cannot read the file ${pem.file} of tls.${name}`,
      {
        cause,
      },
    );
  }
}

async function readDirectory(directory: string): Promise<TlsMaterial> {
  const [ca, cert, key] = await Promise.all([
    readFirst(directory, ["ca.pem", "ca.crt"]),
    readFirst(directory, ["cert.pem", "tls.crt"]),
    readFirst(directory, ["key.pem", "tls.key"]),
  ]);
  if (ca === undefined && cert === undefined && key === undefined) {
    throw new InvalidArgumentError(
      "tls.directory",
      directory,
      `${directory} holds no certificates and no key`,
    );
  }
  checkPair(cert, key);
  return material(ca, cert, key);
}

async function readFirst(directory: string, names: readonly string[]): Promise<Buffer | undefined> {
  for (const name of names) {
    const file = path.join(directory, name);
    try {
      return await readFile(file);
    } catch (cause) {
      if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") continue;
      throw new InvalidArgumentError("tls.directory", directory, `cannot read ${file}`, { cause });
    }
  }
  return undefined;
}

function material(
  ca: Buffer | string | undefined,
  cert: Buffer | string | undefined,
  key: Buffer | string | undefined,
): TlsMaterial {
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
}
