import { formatReference } from "@buildkit-node/oci";
import { constraintsOf, type StepOptions } from "../constraints.ts";
import { LlbError, shown } from "../error.ts";
import type { Place } from "../place.ts";
import { fresh, type State } from "../state.ts";
import { type SourceFileOptions, setFileInfo } from "./file-info.ts";
import { referenceOf } from "./image.ts";
import { SourceDraft, sourceOutput } from "./source.ts";

/**
 * A blob of a registry's repository, as a file: `name@digest`. BuildKit 0.28 and later.
 *
 * @throws LlbError with reason `reference` for a reference with a tag or without a digest
 */
export function imageBlob(ref: string, options: StepOptions & SourceFileOptions = {}): State {
  return blob("docker-image+blob", ref, options, imageBlob);
}

/**
 * A blob of an OCI layout that the session serves, as a file: `name@digest`. BuildKit 0.28 and later.
 *
 * @throws LlbError with reason `reference` for a reference with a tag or without a digest, `source` without a store
 */
export function ociLayoutBlob(
  ref: string,
  options: StepOptions &
    SourceFileOptions & {
      /** The name of the layout in the session. */
      readonly store: string;
      /** The session that serves it. Default: that of the build. */
      readonly session?: string;
    },
): State {
  if (options.store === "") {
    throw new LlbError(`blob ${shown(ref)} needs a store: its name is empty`, {
      reason: "source",
      value: options.store,
      place: ociLayoutBlob,
    });
  }
  return blob("oci-layout+blob", ref, options, ociLayoutBlob);
}

function blob(
  scheme: string,
  ref: string,
  options: StepOptions & SourceFileOptions & { readonly store?: string; readonly session?: string },
  place: Place,
): State {
  const reference = referenceOf(ref, place);
  if (reference.tag !== undefined || reference.digest === undefined) {
    throw new LlbError(`blob ${shown(ref)} must be named by digest and without a tag: name@sha256:…`, {
      reason: "reference",
      value: ref,
      place,
    });
  }
  const draft = new SourceDraft("source.imageblob");
  setFileInfo(draft, options, place);
  draft.setFilled("oci.session", options.session);
  draft.setFilled("oci.store", options.store);
  const identifier = `${scheme}://${formatReference(reference)}`;
  return fresh(
    sourceOutput({ identifier, attrs: draft.attrs, caps: draft.caps }, constraintsOf(options, place), place),
  );
}
