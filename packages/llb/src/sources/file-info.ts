import { LlbError } from "../error.ts";
import type { Place } from "../place.ts";
import type { SourceDraft } from "./source.ts";

/** How a source that is a single file appears. */
export interface SourceFileOptions {
  /** Default: the last part of the address. */
  readonly filename?: string;
  /** Permission bits; 0 counts as not given. Default: `0o600`. */
  readonly mode?: number;
  /** Default: 0. */
  readonly uid?: number;
  /** Default: 0. */
  readonly gid?: number;
}

/** Writes the options of a file into a source. */
export function setFileInfo(
  draft: SourceDraft,
  options: SourceFileOptions,
  place: Place,
  caps: { readonly mode?: string; readonly owner?: string } = {},
): void {
  const { filename, mode = 0, uid = 0, gid = 0 } = options;
  if (!Number.isInteger(mode) || mode < 0 || mode > 0o777) {
    throw new LlbError(`mode ${mode} is not made of permission bits alone (0 to 0o777)`, {
      reason: "source",
      value: mode,
      place,
    });
  }
  for (const id of [uid, gid]) {
    if (!Number.isSafeInteger(id)) {
      throw new LlbError(`owner ${id} is not a whole number`, { reason: "source", value: id, place });
    }
  }
  draft.setFilled("http.filename", filename);
  draft.set("http.perm", mode === 0 ? undefined : `0${mode.toString(8)}`, caps.mode);
  draft.set("http.uid", uid === 0 ? undefined : `${uid}`);
  draft.set("http.gid", gid === 0 ? undefined : `${gid}`);
  if (uid !== 0 || gid !== 0) {
    draft.need(caps.owner);
  }
}
