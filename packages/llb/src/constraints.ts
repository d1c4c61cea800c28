import type { Platform } from "@buildkit-node/oci";
import { checkInt64 } from "./int64.ts";
import { mergeMetadata } from "./metadata.ts";
import type { Place } from "./place.ts";
import { type PlatformOption, platformOf } from "./platform-option.ts";
import type { SourceLocation } from "./source-map.ts";
import { checkText, checkTexts } from "./text.ts";
import type { LinuxResources, OpMetadata, ProgressGroup } from "./wire/definition.ts";

/** What every step takes beside its own options. */
export interface StepOptions {
  /** The platform that the step is made for. Default: that of the state, else the one given to `marshal`. */
  readonly platform?: PlatformOption;
  /** The name that progress shows for the step. */
  readonly name?: string;
  /** Notes that travel with the step; they do not influence caching. */
  readonly description?: Readonly<Record<string, string>>;
  /** Runs the step even when its result is cached. */
  readonly ignoreCache?: boolean;
  /** Whether the result goes into exported caches; daemons heed it for a result that they had. Default: it does. */
  readonly exportCache?: boolean;
  /** Shows this step and others of the same group as one. */
  readonly progressGroup?: ProgressGroup;
  /** Limits for the processes of the step. They do not influence caching. */
  readonly resources?: LinuxResources;
  /** Filters for the worker that runs the step; part of the step's identity. */
  readonly require?: readonly string[];
  /** Tells local sources of different clients apart; see `local`. */
  readonly localUniqueId?: string;
  /** Where the step was written: see `SourceMap.location`. */
  readonly locations?: readonly SourceLocation[];
}

/** The step options in the form that vertices keep. */
export interface Constraints {
  readonly platform?: Platform;
  readonly localUniqueId?: string;
  readonly filters: readonly string[];
  readonly metadata: OpMetadata;
  readonly locations: readonly SourceLocation[];
}

/** What most steps have. */
export const noConstraints: Constraints = Object.freeze({
  filters: Object.freeze([]),
  metadata: Object.freeze({}),
  locations: Object.freeze([]),
});

/** The key of the description that progress shows as the name of a step. */
export const customNameKey = "llb.customname";

/** Takes the step options out of any options object. */
export function constraintsOf(options: StepOptions, place: Place): Constraints {
  const { platform, localUniqueId, require: filters, locations } = options;
  const metadata = metadataOf(options, place);
  if (
    platform === undefined &&
    localUniqueId === undefined &&
    filters === undefined &&
    locations === undefined &&
    metadata === noConstraints.metadata
  ) {
    return noConstraints;
  }
  checkTexts([localUniqueId, ...(filters ?? [])], place);
  return Object.freeze({
    ...(platform !== undefined && { platform: platformOf(platform, place) }),
    ...(localUniqueId !== undefined && { localUniqueId }),
    filters: Object.freeze([...(filters ?? [])]),
    metadata,
    locations: Object.freeze([...(locations ?? [])]),
  });
}

/** The constraints of a step that also asks for something of its own by capabilities. */
export function withCaps(metadata: OpMetadata, caps: Iterable<string>): OpMetadata {
  return mergeMetadata(metadata, { caps: new Set(caps) });
}

function metadataOf(options: StepOptions, place: Place): OpMetadata {
  const { ignoreCache, name, description, exportCache, progressGroup, resources } = options;
  if (
    name === undefined &&
    description === undefined &&
    ignoreCache === undefined &&
    exportCache === undefined &&
    progressGroup === undefined &&
    resources === undefined
  ) {
    return noConstraints.metadata;
  }
  for (const [limit, value] of Object.entries(resources ?? {})) {
    if (typeof value === "string") {
      checkText(value, place);
    } else {
      checkInt64(value, `resource limit ${limit}`, place);
    }
  }
  const notes = new Map(Object.entries(description ?? {}));
  if (name !== undefined) {
    notes.set(customNameKey, name);
  }
  checkTexts([progressGroup?.id, progressGroup?.name, ...[...notes].flat()], place);
  return Object.freeze({
    ...(ignoreCache === true && { ignoreCache }),
    ...(notes.size > 0 && { description: notes }),
    ...(exportCache !== undefined && { exportCache }),
    ...(progressGroup !== undefined && { progressGroup: Object.freeze({ ...progressGroup }) }),
    ...(resources !== undefined && { resources: Object.freeze({ ...resources }) }),
  });
}
