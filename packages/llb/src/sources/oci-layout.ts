import { constraintsOf, type StepOptions } from "../constraints.ts";
import { fresh, type State } from "../state.ts";
import { checkLayerLimit } from "./check-digest.ts";
import { SourceDraft, sourceOutput } from "./source.ts";

/** An image from an OCI layout that the session serves. The reference is used as it is. BuildKit 0.11 and later. */
export function ociLayout(
  ref: string,
  options: StepOptions & {
    /** The name of the layout in the session. */
    readonly store?: string;
    /** The session that serves it. Default: that of the build. */
    readonly session?: string;
    /** How many layers to use, counted from the bottom. */
    readonly layerLimit?: number;
  } = {},
): State {
  checkLayerLimit(options.layerLimit, ociLayout);
  const draft = new SourceDraft("source.ocilayout");
  draft.setFilled("oci.session", options.session);
  draft.setFilled("oci.store", options.store);
  draft.set("oci.layerlimit", options.layerLimit?.toString());
  const parts = { identifier: `oci-layout://${ref}`, attrs: draft.attrs, caps: draft.caps };
  return fresh(sourceOutput(parts, constraintsOf(options, ociLayout), ociLayout));
}
