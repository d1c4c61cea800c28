import { LlbError } from "./error.ts";
import type { Place } from "./place.ts";
import type { Int } from "./wire/field.ts";

/** Refuses what is no whole number of 64 bits, or is a `number` too large to be exact. */
export function checkInt64(value: Int, what: string, place: Place): void {
  const isWhole =
    typeof value === "number" ? Number.isSafeInteger(value) : BigInt.asIntN(64, value) === value;
  if (!isWhole) {
    throw new LlbError(`${what} ${value} is not a whole number of 64 bits (a bigint beyond 2^53)`, {
      reason: "setting",
      value,
      place,
    });
  }
}
