import { LlbError, type LlbErrorReason, shown } from "./error.ts";
import type { Place } from "./place.ts";

/** Refuses a word that is none of those that there are, which a program without types may contain. */
export function checkChoice(
  what: string,
  value: string | undefined,
  words: readonly string[],
  details: { readonly reason: LlbErrorReason; readonly place: Place },
): void {
  if (value !== undefined && !words.includes(value)) {
    throw new LlbError(`${what} ${shown(value)} is none of ${words.join(", ")}`, { ...details, value });
  }
}
