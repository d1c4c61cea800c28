import { checkChoice } from "../check-choice.ts";
import { constraintsOf, type StepOptions } from "../constraints.ts";
import { fresh, type State } from "../state.ts";
import { SourceDraft, sourceOutput } from "./source.ts";

/** Which files of a local directory are sent, and how. */
export interface LocalOptions extends StepOptions {
  /** Patterns of files to send. Default: all. */
  readonly include?: readonly string[];
  /** Patterns of files to leave out, as in `.dockerignore`. */
  readonly exclude?: readonly string[];
  /** Links whose targets are sent too. */
  readonly followPaths?: readonly string[];
  /** A part of the name under which the daemon keeps what it got, to be sent only changes next time. */
  readonly sharedKeyHint?: string;
  /** The session that serves the directory. Default: that of the build. */
  readonly sessionId?: string;
  /** How the daemon compares files with what it has: by metadata, or not at all. BuildKit 0.12 and later. */
  readonly differ?: { readonly type: "metadata" | "none"; readonly required?: boolean };
  /**
   * Sends no files but those that match these patterns. What is known of all of them is in the file `.fsutil-metadata`.
   * BuildKit 0.18 and later.
   */
  readonly metadataOnly?: boolean | { readonly except: readonly string[] };
}

/**
 * A directory of the client's machine, by the name under which the session serves it. Without a session id the op holds
 * an id that is made anew by every `marshal`, so that clients do not share each other's files: give `localUniqueId`, here
 * or to `marshal`, for a definition that stays the same.
 */
export function local(name: string, options: LocalOptions = {}): State {
  const { include, exclude, followPaths, sharedKeyHint, sessionId, differ, metadataOnly } = options;
  checkChoice("differ", differ?.type, ["metadata", "none"], { reason: "source", place: local });
  const draft = new SourceDraft("source.local");
  draft.setFilled("local.session", sessionId, "source.local.sessionid");
  draft.set("local.includepattern", jsonList(include), "source.local.includepatterns");
  draft.set("local.followpaths", jsonList(followPaths), "source.local.followpaths");
  draft.set("local.excludepatterns", jsonList(exclude), "source.local.excludepatterns");
  draft.setFilled("local.sharedkeyhint", sharedKeyHint, "source.local.sharedkeyhint");
  draft.set("local.differ", differ?.type, differ?.required === true ? "source.local.differ" : undefined);
  if (metadataOnly !== undefined && metadataOnly !== false) {
    draft.set("local.metadatatransfer", "true", "source.local.metadatatransfer");
    draft.set("local.metadatatransferexclude", jsonList(metadataOnly === true ? [] : metadataOnly.except));
  }
  const parts = { identifier: `local://${name}`, attrs: draft.attrs, caps: draft.caps };
  return fresh(sourceOutput(parts, constraintsOf(options, local), local));
}

/** A list as Go writes it in JSON, where some characters are escaped that JavaScript leaves alone. */
function jsonList(list: readonly string[] | undefined): string | undefined {
  if (list === undefined || list.length === 0) {
    return undefined;
  }
  return JSON.stringify(list).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
