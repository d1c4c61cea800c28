import type { NpipeAddress } from "../address.ts";
import type { Dialer } from "../dialer.ts";
import { formatAddress } from "../parse-address.ts";
import { dialSocket } from "./socket.ts";

/** Dials a named pipe of Windows. */
export function npipeDialer(address: NpipeAddress): Dialer {
  return {
    address: formatAddress(address),
    authority: "localhost",
    dial: (signal) => dialSocket(address, signal),
  };
}
