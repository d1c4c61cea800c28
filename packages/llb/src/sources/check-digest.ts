import { isDigest } from "@buildkit-node/oci";
import { LlbError, shown } from "../error.ts";
import type { Place } from "../place.ts";

/** Refuses a checksum that no daemon would accept. */
export function checkDigest(digest: string | undefined, place: Place): void {
  if (digest !== undefined && !isDigest(digest)) {
    throw new LlbError(
      `checksum ${shown(digest)} is no digest: expected sha256:, sha384: or sha512: and lower-case hex`,
      {
        reason: "digest",
        value: digest,
        place,
      },
    );
  }
}

/** Refuses a layer limit that no daemon would accept. */
export function checkLayerLimit(limit: number | undefined, place: Place): void {
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit > 0)) {
    throw new LlbError(`layer limit ${limit} is not a whole number from 1 on`, {
      reason: "source",
      value: limit,
      place,
    });
  }
}
