import type { Address, SocketAddress } from "./address.ts";
import { dockerEngineDialer } from "./dial/docker-engine.ts";
import { tcpDialer } from "./dial/tcp.ts";
import { unixDialer } from "./dial/unix.ts";
import type { Dialer } from "./dialer.ts";

/** The engine of a machine where nothing names another. */
const localEngine: SocketAddress = { kind: "unix", path: "/var/run/docker.sock" };

/** The dialer for an address. */
export function createDialer(address: Address): Dialer {
  switch (address.kind) {
    case "unix":
      return unixDialer(address);
    case "tcp":
      return tcpDialer(address);
    case "docker-engine":
      return dockerEngineDialer(address.engine ?? localEngine);
  }
}
