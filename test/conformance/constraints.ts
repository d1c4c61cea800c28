import {
  capabilities,
  type LinuxResources,
  type MarshalOptions,
  type SourceLocation,
  type StepOptions,
} from "@buildkit-node/llb";
import type { Platform } from "@buildkit-node/oci";

import {
  type Arguments,
  flag,
  int,
  list,
  Option,
  optional,
  PlatformValue,
  Range,
  SourceMapValue,
  text,
  textMap,
  texts,
  type Value,
  Values,
} from "./values.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Draft = Mutable<StepOptions> & {
  notes: Map<string, string>;
  limits: Mutable<LinuxResources> | undefined;
};

/** Folds constraint options, from left to right, into the one options object that our functions take. */
export async function stepOptions(options: readonly Option[]): Promise<StepOptions> {
  const draft: Draft = { notes: new Map(), limits: undefined };
  for (const option of options) {
    await appliers.get(option.name)?.(draft, option);
  }
  const { notes, limits, ...rest } = draft;
  return {
    ...rest,
    ...(notes.size > 0 && { description: Object.fromEntries(notes) }),
    ...(limits !== undefined && { resources: limits }),
  };
}

/** A platform from the text `os/architecture/variant`, as it is. */
export function rawPlatform(specifier: string, named: Pick<Arguments["named"], "get"> = new Map()): Platform {
  const [os = "", architecture = "", ...variant] = specifier.split("/");
  const osVersion = optional(named.get("osVersion"), text);
  const osFeatures = optional(named.get("osFeatures"), texts);
  return {
    os,
    architecture,
    ...(variant.length > 0 && { variant: variant.join("/") }),
    ...(osVersion !== undefined && { osVersion }),
    ...(osFeatures !== undefined && { osFeatures }),
  };
}

const appliers = new Map<string, (draft: Draft, option: Option) => void | Promise<void>>([
  [
    "platform",
    (draft, { args: [value], named }) => {
      draft.platform = value instanceof PlatformValue ? value.platform : rawPlatform(text(value), named);
    },
  ],
  [
    "ignoreCache",
    (draft) => {
      draft.ignoreCache = true;
    },
  ],
  [
    "description",
    (draft, { args: [value] }) => {
      for (const [key, note] of textMap(value)) {
        draft.notes.set(key, note);
      }
    },
  ],
  ["customName", (draft, { args: [value] }) => void draft.notes.set("llb.customname", text(value))],
  [
    "exportCache",
    (draft, { args: [value] }) => {
      draft.exportCache = flag(value);
    },
  ],
  ["exportCacheDefault", (draft) => void delete draft.exportCache],
  [
    "progressGroup",
    (draft, { named }) => {
      draft.progressGroup = {
        id: text(named.get("id") ?? ""),
        name: text(named.get("name") ?? ""),
        weak: flag(named.get("weak")),
      };
    },
  ],
  [
    "require",
    (draft, { args: [value] }) => {
      draft.require = [...(draft.require ?? []), ...texts(value)];
    },
  ],
  [
    "localUniqueID",
    (draft, { args: [value] }) => {
      draft.localUniqueId = text(value);
    },
  ],
  [
    "linuxResources",
    (draft, { named }) => {
      draft.limits = {};
      for (const [name, value] of named) {
        setLimit(draft, name, value);
      }
    },
  ],
  ["memoryLimit", (draft, { args: [value] }) => setLimit(draft, "memory", value)],
  ["memorySwapLimit", (draft, { args: [value] }) => setLimit(draft, "memorySwap", value)],
  ...["cpuShares", "cpuPeriod", "cpuQuota", "cpusetCpus", "cpusetMems"].map(
    (name): [string, (draft: Draft, option: Option) => void] => [
      name,
      (draft, { args: [value] }) => setLimit(draft, name, value),
    ],
  ),
  [
    "location",
    async (draft, { args: [map], named }) => {
      const place = await locationOf(map, named.get("ranges"));
      draft.locations = [...(draft.locations ?? []), ...place];
    },
  ],
]);

function setLimit(draft: Draft, name: string, value: Value | undefined): void {
  draft.limits ??= {};
  switch (name) {
    case "memory":
      draft.limits.memoryBytes = int(value);
      return;
    case "memorySwap":
      draft.limits.memorySwapBytes = int(value);
      return;
    case "cpuShares":
      draft.limits.cpuShares = int(value);
      return;
    case "cpuPeriod":
      draft.limits.cpuPeriodUs = int(value);
      return;
    case "cpuQuota":
      draft.limits.cpuQuotaUs = int(value);
      return;
    case "cpusetCpus":
    case "cpusetMems":
      draft.limits[name] = text(value);
      return;
    default:
      throw new TypeError(`unknown limit ${name}`);
  }
}

async function locationOf(
  map: Value | undefined,
  ranges: Value | undefined,
): Promise<readonly SourceLocation[]> {
  if (map === null) {
    return [];
  }
  if (!(map instanceof SourceMapValue)) {
    throw new TypeError("a location needs a source map");
  }
  const places = list(ranges ?? []).map((range) => {
    if (!(range instanceof Range)) {
      throw new TypeError("a location needs ranges");
    }
    return range.range;
  });
  return [(await map.force()).location(...places)];
}

/** The `constraints` of a vector as options of the language, and what only marshalling takes. */
export function marshalConstraints(constraints: Readonly<Record<string, unknown>>): {
  readonly options: readonly Option[];
  readonly caps: MarshalOptions["caps"] | undefined;
} {
  const { platform, osVersion, osFeatures, caps, ...others } = constraints;
  const parts = fromJson({ osVersion: osVersion ?? null, osFeatures: osFeatures ?? null });
  return {
    options: [
      new Option("platform", [String(platform)], parts instanceof Values ? parts.entries : new Map()),
      ...Object.entries(others).map(([name, value]) => asOption(name, fromJson(value))),
    ],
    caps:
      caps === "all"
        ? capabilities
        : caps === "none"
          ? []
          : Array.isArray(caps)
            ? caps.map(String)
            : undefined,
  };
}

function asOption(name: string, value: Value): Option {
  return value instanceof Values && name !== "description"
    ? new Option(name, [], value.entries)
    : new Option(name, [value], new Map());
}

function fromJson(json: unknown): Value {
  if (typeof json === "number") {
    return BigInt(json);
  }
  if (typeof json === "string" || typeof json === "boolean" || json === null) {
    return json;
  }
  return Array.isArray(json)
    ? json.map(fromJson)
    : new Values(new Map(Object.entries(json ?? {}).map(([key, value]) => [key, fromJson(value)])));
}
