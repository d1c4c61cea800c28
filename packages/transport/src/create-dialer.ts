import type { Address, DockerEngineAddress } from "./address.ts";
import { AddressError } from "./address-error.ts";
import { localDialer } from "./dial/local.ts";
import { tcpDialer } from "./dial/tcp.ts";
import type { Dialer } from "./dialer.ts";
import { formatAddress } from "./format-address.ts";
import { parseAddress } from "./parse-address.ts";
import { ownSurroundings, type Surroundings } from "./surroundings.ts";
import { checkTlsOptions, type TlsOptions } from "./tls/tls-options.ts";

export interface DialOptions {
  /**
   * Speak TLS on a TCP port, that of a daemon or of a Docker Engine. What is not on a TCP port has no use for it.
   * Default: no TLS, other than what Docker's own configuration asks for.
   */
  readonly tls?: TlsOptions;
  /** What Docker's configuration, TLS roots and helper programs depend on. Default: this process's own. */
  readonly surroundings?: Surroundings;
}

/**
 * The dialer for an address. For a Docker Engine whose place is not given it reads Docker's configuration, which is
 * what it waits for.
 *
 * @throws {AddressError} also for parts made by hand that {@link parseAddress} would refuse
 * @throws {InvalidArgumentError} for TLS options that contradict each other
 * @throws {ConnectError} when Docker's configuration leads nowhere
 */
export async function createDialer(address: Address, options: DialOptions = {}): Promise<Dialer> {
  const { tls, surroundings = ownSurroundings() } = options;
  check(address, tls, surroundings);
  switch (address.kind) {
    case "unix":
    case "npipe":
      return localDialer(address);
    case "tcp":
      return tls === undefined
        ? tcpDialer(address)
        : (await longWays()).tlsDialer(address, tls, surroundings.env);
    case "docker-engine": {
      const { dockerEngineDialer, engineApi } = await longWays();
      return dockerEngineDialer(await engineApi(address, tls, surroundings));
    }
    case "docker-container":
    case "podman-container":
    case "nerdctl-container":
    case "kube-pod":
    case "ssh": {
      const { commandDialer, helperCommand } = await longWays();
      return commandDialer(formatAddress(address), helperCommand(address), surroundings.env);
    }
  }
}

/**
 * The dialer for a Docker Engine's own API: its pipes speak HTTP/1.1.
 *
 * @throws as {@link createDialer} does
 */
export async function createEngineDialer(
  address: DockerEngineAddress,
  options: DialOptions = {},
): Promise<Dialer> {
  const { tls, surroundings = ownSurroundings() } = options;
  check(address, tls, surroundings);
  const { engineApi } = await longWays();
  const api = await engineApi(address, tls, surroundings);
  return { ...api, dial: (signal) => api.dial("http/1.1", signal) };
}

const longWays = () => import("./dial/long-ways.ts");

function check(address: Address, tls: TlsOptions | undefined, { platform }: Surroundings): void {
  const text = formatAddress(address);
  // Names become arguments of programs, and the parts may have been put together by hand.
  parseAddress(text);
  const place = address.kind === "docker-engine" ? address.engine : address;
  if (place?.kind === "npipe" && platform !== "win32") {
    throw new AddressError(text, "named pipes exist on Windows alone");
  }
  if (tls !== undefined) checkTlsOptions(tls);
}
