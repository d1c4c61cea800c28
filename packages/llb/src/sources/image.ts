import { formatReference, parseReference, type Reference, withDefaultTag } from "@buildkit-node/oci";
import { checkChoice } from "../check-choice.ts";
import { constraintsOf, type StepOptions } from "../constraints.ts";
import { Deferred } from "../deferred.ts";
import { LlbError, shown } from "../error.ts";
import { readImageConfig, withImage } from "../image-config.ts";
import type { ImageResolver, LookUp, ResolvedImage, ResolveMode } from "../image-resolver.ts";
import { noted, type Place } from "../place.ts";
import { platformOf } from "../platform-option.ts";
import { closedState, contentsOf, fresh, State } from "../state.ts";
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
  const place = image;
  const { resolver } = options;
  const wanted = options.resolve ?? (resolver === undefined ? undefined : "config");
  const reference = withDefaultTag(referenceOf(ref, place));
  checkDigest(options.checksum, place);
  checkLayerLimit(options.layerLimit, place);
  checkChoice("resolveMode", options.resolveMode, ["default", "pull", "local"], { reason: "source", place });
  checkChoice("resolve", options.resolve, ["config", "digest"], { reason: "source", place });
  const constraints = constraintsOf(options, place);
  const outputOf = (pinned: Reference, platform = constraints.platform) =>
    sourceOutput(
      imageSource(pinned, options),
      { ...constraints, ...(platform !== undefined && { platform }) },
      place,
    );
  const lookUp: LookUp<State> = async (client, { platform, signal }) => {
    const asked =
      platform === undefined ? constraints.platform : platformOf(platform, State.prototype.resolve);
    const found = await client.resolveImageConfig(formatReference(reference), {
      ...(asked !== undefined && { platform: asked }),
      resolveMode: options.resolveMode ?? "default",
      ...(signal !== undefined && { signal }),
    });
    const config = readImageConfig(found.config, place);
    const { output, settings } = fresh(outputOf(pinnedTo(found, reference), asked));
    const state = closedState(output, withImage(settings, config));
    return config.config?.User ? state.user(config.config.User) : state;
  };
  if (wanted === undefined) {
    return new State(contentsOf(fresh(outputOf(reference))), lookUp);
  }
  const asking = noted(place);
  return new State(
    new Deferred([], async (_, context) => {
      const asked = resolver ?? context.resolver;
      if (asked === undefined) {
        throw new LlbError(
          `image ${shown(ref)} wants its ${wanted} resolved, and resolve was given no resolver`,
          {
            reason: "resolve",
            value: ref,
            place: asking,
          },
        );
      }
      const found = await asked.resolveImageConfig(formatReference(reference), {
        platform: constraints.platform ?? context.platform,
        resolveMode: options.resolveMode ?? "default",
        ...(context.signal !== undefined && { signal: context.signal }),
      });
      const pinned = wanted === "digest" ? pinnedTo(found, reference) : reference;
      const { output, settings } = fresh(outputOf(pinned));
      return closedState(output, withImage(settings, readImageConfig(found.config, asking)));
    }),
    lookUp,
  );
}

/** Reads a reference, or says whose fault it is that it cannot be read. */
export function referenceOf(ref: string, place: Place): Reference {
  try {
    return parseReference(ref);
  } catch (cause) {
    throw new LlbError(cause instanceof Error ? cause.message : String(cause), {
      reason: "reference",
      value: ref,
      place,
      cause,
    });
  }
}

function pinnedTo({ ref, digest }: ResolvedImage, asked: Reference): Reference {
  if (asked.digest !== undefined || digest === undefined || digest === "") return asked;
  checkDigest(digest, pinnedTo);
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
