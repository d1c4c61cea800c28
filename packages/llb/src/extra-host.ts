import { LlbError, shown } from "./error.ts";
import { formatIp } from "./ip-address.ts";
import type { Place } from "./place.ts";
import { checkText } from "./text.ts";

/** A line for `/etc/hosts`. */
export interface ExtraHost {
  readonly host: string;
  readonly ip: string;
}

/** Checks an extra host and brings its address to the shortest form. */
export function extraHostOf({ host, ip }: ExtraHost, place: Place): ExtraHost {
  checkText(host, place);
  const address = formatIp(ip);
  if (address === undefined) {
    throw new LlbError(`extra host ${shown(host)}: ${shown(ip)} is not an IP address`, {
      reason: "setting",
      value: ip,
      place,
    });
  }
  return Object.freeze({ host, ip: address });
}
