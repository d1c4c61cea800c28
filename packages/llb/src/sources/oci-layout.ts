import { checkChoice } from "../check-choice.ts";
import { constraintsOf, type StepOptions } from "../constraints.ts";
import { Deferred } from "../deferred.ts";
import { LlbError, shown } from "../error.ts";
import { readImageConfig, withImage } from "../image-config.ts";
import { noted } from "../place.ts";
import { closedState, fresh, State } from "../state.ts";
import { checkLayerLimit } from "./check-digest.ts";
import { SourceDraft, sourceOutput } from "./source.ts";

/**
 * An image from an OCI layout that the session serves: `name/name@digest`. The reference is used as it is; its names are for
 * people, but there must be two. BuildKit 0.11 and later.
 *
 * @throws LlbError with reason `reference` for a reference that no daemon can read
 */
export function ociLayout(
  ref: string,
  options: StepOptions & {
    /** The name of the layout in the session. */
    readonly store?: string;
    /** The session that serves it. Default: that of the build. */
    readonly session?: string;
    /** How many layers to use, counted from the bottom. */
    readonly layerLimit?: number;
    /** Has `resolve` ask for the image's config and apply its variables, directory and platform. Default: it does not. */
    readonly resolve?: "config";
  } = {},
): State {
  const { store = "", session, layerLimit } = options;
  checkReference(ref);
  checkLayerLimit(layerLimit, ociLayout);
  checkChoice("resolve", options.resolve, ["config"], { reason: "source", place: ociLayout });
  const draft = new SourceDraft("source.ocilayout");
  draft.setFilled("oci.session", session);
  draft.setFilled("oci.store", store);
  draft.set("oci.layerlimit", layerLimit?.toString());
  const parts = { identifier: `oci-layout://${ref}`, attrs: draft.attrs, caps: draft.caps };
  const constraints = constraintsOf(options, ociLayout);
  const state = fresh(sourceOutput(parts, constraints, ociLayout));
  if (options.resolve === undefined) return state;
  const place = noted(ociLayout);
  return new State(
    new Deferred([], async (_, { resolver, platform, signal }) => {
      if (resolver === undefined) {
        const message = `the image ${shown(ref)} wants its config resolved, and resolve was given no resolver`;
        throw new LlbError(message, { reason: "resolve", value: ref, place });
      }
      const found = await resolver.resolveImageConfig(ref, {
        platform: constraints.platform ?? platform,
        resolveMode: "default",
        layout: { store, ...(session !== undefined && { session }) },
        ...(signal !== undefined && { signal }),
      });
      const image = readImageConfig(found.config, place);
      return closedState(state.output, withImage(state.settings, image));
    }),
  );
}

/** Daemons read the reference as a URL, whose host ends at the first slash, and want something behind the path's `:` or `@`. */
function checkReference(ref: string): void {
  if (/^[^/?#]+\/[^?#]*?[:@]./s.test(ref) && !ref.includes("://")) return;
  const advice = /^[^/:@]+@/.test(ref) ? `write ${shown(`layout/${ref}`)}` : "expected name/name@sha256:…";
  const message = `reference ${shown(ref)} cannot name an image of an OCI layout: ${advice}`;
  throw new LlbError(message, { reason: "reference", value: ref, place: ociLayout });
}
