import { InvalidArgumentError } from "@buildkit-node/core";

/** A file's path, or PEM itself: its bytes, or a string that holds a `-----BEGIN`. */
export type PemSource = string | Uint8Array;

/** TLS to a daemon on a TCP port. An empty object asks for TLS with all defaults. */
export interface TlsOptions {
  /**
   * The authorities to trust, and no others. Default: those of the machine, which are the operating system's and
   * Node's own list.
   */
  readonly ca?: PemSource;
  /** Our own certificate, with its chain, for a daemon that asks for one. Needs `key`. */
  readonly cert?: PemSource;
  /** The key of `cert`, without a passphrase. */
  readonly key?: PemSource;
  /**
   * A folder that holds the three in place of the options above, named as `buildctl --tlsdir` and Docker have it:
   * `ca.pem` or `ca.crt`, `cert.pem` or `tls.crt`, `key.pem` or `tls.key`. What is not there counts as not given.
   */
  readonly dir?: string;
  /** The name that the daemon's certificate must hold, also sent as `:authority`. Default: the address's host. */
  readonly serverName?: string;
}

/**
 * Refuses options that contradict each other, before anything is read.
 *
 * @throws {InvalidArgumentError}
 */
export function checkTlsOptions({ ca, cert, key, dir }: TlsOptions): void {
  if (dir !== undefined && [ca, cert, key].some((one) => one !== undefined)) {
    throw new InvalidArgumentError("tls.dir", dir, "tls.dir stands in place of tls.ca, tls.cert and tls.key");
  }
  if (cert !== undefined && key === undefined) {
    throw new InvalidArgumentError("tls.key", undefined, "tls.cert needs its key in tls.key");
  }
  if (key !== undefined && cert === undefined) {
    throw new InvalidArgumentError("tls.cert", undefined, "tls.key needs its certificate in tls.cert");
  }
}
