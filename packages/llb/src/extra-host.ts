import type { EntryPoint } from "./call-site.ts";
import { LlbError, shown } from "./error.ts";
import { formatIp } from "./ip-address.ts";

/** A line for `/etc/hosts`. */
export interface ExtraHost {
  readonly host: string;
  readonly ip: string;
}

/** Checks an extra host and brings its address to the shortest form. */
export function extraHostOf({ host, ip }: ExtraHost, entry: EntryPoint): ExtraHost {
  const address = formatIp(ip);
  if (address === undefined) {
    throw new LlbError(`extra host ${shown(host)}: ${shown(ip)} is not an IP address`, {
      reason: "setting",
      value: ip,
      entry,
    });
  }
  return Object.freeze({ host, ip: address });
}
