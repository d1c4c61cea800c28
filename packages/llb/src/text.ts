import { LlbError, shown } from "./error.ts";
import type { Place } from "./place.ts";
import { hasLoneSurrogate } from "./wire/utf8.ts";

/** Refuses what is no text, as a program without types may give, and a text without UTF-8 form. */
export function checkText(text: string, place: Place): void {
  if (typeof text !== "string") {
    throw new LlbError(`${shown(text)} is no text`, { reason: "text", value: text, place });
  }
  if (hasLoneSurrogate(text)) {
    throw malformedText(text, place);
  }
}

/** The same for each of several; those that are absent are passed over. */
export function checkTexts(texts: readonly (string | undefined)[], place: Place): void {
  for (const text of texts) {
    if (text !== undefined) {
      checkText(text, place);
    }
  }
}

/** The error for a text that holds half a surrogate pair. */
export function malformedText(text: string, place?: Place): LlbError {
  return new LlbError(`the text ${shown(text)} holds half a surrogate pair, which has no UTF-8 form`, {
    reason: "text",
    value: text,
    place,
  });
}
