import { normalizePlatform, type Platform, parsePlatform } from "@buildkit-node/oci";
import { LlbError, shown } from "./error.ts";
import type { Place } from "./place.ts";
import { checkTexts } from "./text.ts";

/**
 * A platform: a text such as `linux/arm64`, which is brought to its normal form, or the parts, which stand in the op
 * as they are given.
 */
export type PlatformOption = string | Platform;

/** The platform that an option names. */
export function platformOf(option: PlatformOption, place: Place): Platform {
  if (typeof option === "object" && option !== null) {
    const { os, architecture, variant, osVersion, osFeatures } = option;
    checkTexts([os, architecture, variant, osVersion, ...(osFeatures ?? [])], place);
    return Object.freeze({ ...option, ...(osFeatures && { osFeatures: [...osFeatures] }) });
  }
  try {
    return Object.freeze(normalizePlatform(parsePlatform(option)));
  } catch (cause) {
    throw new LlbError(`platform ${shown(option)} cannot be read`, {
      reason: "platform",
      value: option,
      place,
      cause,
    });
  }
}
