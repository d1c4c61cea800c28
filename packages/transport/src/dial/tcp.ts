import type { TcpAddress } from "../address.ts";
import type { Dialer } from "../dialer.ts";
import { formatAddress, formatHostPort } from "../format-address.ts";
import { dialSocket } from "./socket.ts";

/** Dials a daemon's TCP port, in the clear. */
export function tcpDialer(address: TcpAddress): Dialer {
  return {
    address: formatAddress(address),
    authority: formatHostPort(address),
    dial: (signal) => dialSocket(address, signal),
  };
}
