import type { UnixAddress } from "../address.ts";
import type { Dialer } from "../dialer.ts";
import { formatAddress } from "../parse-address.ts";
import { dialSocket } from "./socket.ts";

/** Dials a daemon's unix socket. */
export function unixDialer(address: UnixAddress): Dialer {
  return {
    address: formatAddress(address),
    authority: "localhost",
    dial: (signal) => dialSocket(address, signal),
  };
}
