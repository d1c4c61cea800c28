import type { NamedPipeAddress, UnixAddress } from "../address.ts";
import type { Dialer } from "../dialer.ts";
import { formatAddress } from "../format-address.ts";
import { dialSocket } from "./socket.ts";

/** Dials a daemon's unix socket or named pipe. */
export function localDialer(address: UnixAddress | NamedPipeAddress): Dialer {
  return {
    address: formatAddress(address),
    authority: "localhost",
    dial: (signal) => dialSocket(address, signal),
  };
}
