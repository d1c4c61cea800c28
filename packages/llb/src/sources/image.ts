import { formatReference, parseReference, type Reference, withDefaultTag } from "@buildkit-node/oci";
import { callSite, type EntryPoint } from "../call-site.ts";
import { constraintsOf, type StepOptions } from "../constraints.ts";
import { Deferred } from "../deferred.ts";
import { LlbError, shown } from "../error.ts";
import { readImageConfig, withImage } from "../image-config.ts";
import type { ImageResolver, ResolveMode } from "../image-resolver.ts";
import { closedState, fresh, State } from "../state.ts";
import { checkDigest, checkLayerLimit } from "./check-digest.ts";
import { SourceDraft, sourceOutput } from "./source.ts";

/** How an image is fetched, and what is taken over from its config. */
export interface ImageOptions extends StepOptions {
  /** Default: the daemon's choice. */
  readonly resolveMode?: ResolveMode;
  /** How many layers to use, counted from the bottom. BuildKit 0.11 and later. */
  readonly layerLimit?: number;
  /** The digest that the image must have. BuildKit 0.26 and later. */
  readonly checksum?: string;
  /** Keeps the image out of the build history's list of materials. Default: false. */
  readonly internal?: boolean;
  /**
   * What `resolve` asks the resolver for: `config` applies the variables, directory and platform of the image, `digest`
   * also pins the reference to what it stands for now, if it has a digest. Default: nothing, or `config` when a `resolver` is given.
   */
  readonly resolve?: "config" | "digest";
  /** Who is asked about this image. Default: the resolver given to `resolve`. */
  readonly resolver?: ImageResolver;
}

/**
 * An image from a registry: `alpine` is `docker.io/library/alpine:latest`.
 *
 * @throws LlbError with reason `reference`, `digest` or `source` for what no daemon would accept
 */
export function image(ref: string, options: ImageOptions = {}): State {
  const entry = image;
  const { resolver } = options;
  const wanted = options.resolve ?? (resolver === undefined ? undefined : "config");
  const reference = withDefaultTag(referenceOf(ref, entry));
  checkDigest(options.checksum, entry);
  checkLayerLimit(options.layerLimit, entry);
  const site = callSite(entry);
  const constraints = constraintsOf(options, entry);
  const outputOf = (pinned: Reference) =>
    sourceOutput(imageSource(pinned, options), constraints, entry, site);
  if (wanted === undefined) {
    return fresh(outputOf(reference));
  }
  return new State(
    new Deferred([], async (_, context) => {
      const asked = resolver ?? context.resolver;
      if (asked === undefined) {
        throw new LlbError(
          `image ${shown(ref)} wants its ${wanted} resolved, and resolve was given no resolver`,
          {
            reason: "resolve",
            value: ref,
            site,
          },
        );
      }
      const found = await asked.resolveImageConfig(formatReference(reference), {
        platform: constraints.platform ?? context.platform,
        resolveMode: options.resolveMode ?? "default",
        ...(context.signal !== undefined && { signal: context.signal }),
      });
      const pinned =
        wanted === "digest" && reference.digest === undefined
          ? pin(found.ref, found.digest, reference)
          : reference;
      const { output, settings } = fresh(outputOf(pinned));
      return closedState(output, withImage(settings, readImageConfig(found.config, entry)));
    }),
  );
}

/** Reads a reference, or says whose fault it is that it cannot be read. */
export function referenceOf(ref: string, entry: EntryPoint): Reference {
  try {
    return parseReference(ref);
  } catch (cause) {
    throw new LlbError(cause instanceof Error ? cause.message : String(cause), {
      reason: "reference",
      value: ref,
      entry,
      cause,
    });
  }
}

function pin(ref: string | undefined, digest: string | undefined, asked: Reference): Reference {
  if (digest === undefined || digest === "") return asked;
  checkDigest(digest, pin);
  const reference = ref === undefined ? asked : withDefaultTag(parseReference(ref));
  return { ...reference, digest: digest as NonNullable<Reference["digest"]> };
}

function imageSource(
  reference: Reference,
  options: ImageOptions,
): { readonly identifier: string } & SourceDraft {
  const { resolveMode = "default", layerLimit, checksum, internal } = options;
  const draft = new SourceDraft("source.image");
  if (resolveMode === "pull") {
    draft.set("image.resolvemode", "pull", "source.image.resolvemode");
  } else if (resolveMode === "local") {
    draft.set("image.resolvemode", "local");
  }
  draft.set("image.recordtype", internal === true ? "internal" : undefined);
  draft.set("image.layerlimit", layerLimit?.toString(), "source.image.layerlimit");
  draft.set("image.checksum", checksum, "source.image.checksum");
  return Object.assign(draft, { identifier: `docker-image://${formatReference(reference)}` });
}
