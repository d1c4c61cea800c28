import { normalizePlatform, type Platform, parsePlatform } from "@buildkit-node/oci";
import type { EntryPoint } from "./call-site.ts";
import { LlbError, shown } from "./error.ts";

/**
 * A platform: a text such as `linux/arm64`, which is brought to its normal form, or the parts, which stand in the op
 * as they are given.
 */
export type PlatformOption = string | Platform;

/** The platform that an option names. */
export function platformOf(option: PlatformOption, entry: EntryPoint): Platform {
  if (typeof option !== "string") {
    return Object.freeze({ ...option });
  }
  try {
    return Object.freeze(normalizePlatform(parsePlatform(option)));
  } catch (cause) {
    throw new LlbError(`platform ${shown(option)} cannot be read`, {
      reason: "platform",
      value: option,
      entry,
      cause,
    });
  }
}
