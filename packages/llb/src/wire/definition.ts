import {
  byteStrings,
  bytes,
  flag,
  type Int,
  int,
  map,
  nameSet,
  nested,
  repeated,
  text,
  wrapped,
} from "./field.ts";
import { type Message, message } from "./message.ts";

/** What is known about a vertex beside its op. It is no part of the op's digest. */
export interface OpMetadata {
  /** The step runs even when its result is cached. */
  readonly ignoreCache?: boolean;
  /** Notes for people; `llb.customname` is the name that progress shows. */
  readonly description?: ReadonlyMap<string, string>;
  /** Whether the result goes into exported caches; absent leaves it to the daemon. */
  readonly exportCache?: boolean;
  /** The capabilities that the daemon must have for this vertex. */
  readonly caps?: ReadonlySet<string>;
  readonly progressGroup?: ProgressGroup;
  readonly resources?: LinuxResources;
}

/** Steps that progress shows as one. */
export interface ProgressGroup {
  readonly id?: string;
  readonly name?: string;
  /** Shown as a group only if nothing stronger claims the steps. */
  readonly weak?: boolean;
}

/** Limits for the processes of a step on Linux. What is absent is not limited. BuildKit 0.31 and later. */
export interface LinuxResources {
  readonly memoryBytes?: Int;
  /** Memory and swap together; -1 is no limit. */
  readonly memorySwapBytes?: Int;
  /** Relative weight. */
  readonly cpuShares?: Int;
  /** Length of a scheduling period in microseconds. */
  readonly cpuPeriodUs?: Int;
  /** Processor time per period in microseconds. */
  readonly cpuQuotaUs?: Int;
  /** Processors, such as `0-3,7`. */
  readonly cpusetCpus?: string;
  /** Memory nodes, such as `0`. */
  readonly cpusetMems?: string;
}

/** Where the vertices of a definition were written. */
export interface DefinitionSource {
  /** By the digest of a vertex. */
  readonly locations?: ReadonlyMap<string, { readonly locations?: readonly DefinitionLocation[] }>;
  readonly infos?: readonly DefinitionSourceInfo[];
}

/** A place in one of the `infos`. */
export interface DefinitionLocation {
  readonly sourceIndex?: Int;
  readonly ranges?: readonly DefinitionRange[];
}

export interface DefinitionRange {
  readonly start?: DefinitionPosition;
  readonly end?: DefinitionPosition;
}

export interface DefinitionPosition {
  readonly line?: Int;
  readonly character?: Int;
}

/** A source file, and how the daemon can get hold of it. */
export interface DefinitionSourceInfo {
  readonly filename?: string;
  readonly data?: Uint8Array;
  readonly definition?: WireDefinition;
  readonly language?: string;
}

/** A whole graph as it goes over the wire. */
export interface WireDefinition {
  readonly def?: readonly Uint8Array[];
  readonly metadata?: ReadonlyMap<string, OpMetadata>;
  readonly source?: DefinitionSource;
}

const progressGroup = message<ProgressGroup>({ id: text(1), name: text(2), weak: flag(3) });

const resources = message<LinuxResources>({
  memoryBytes: int(1),
  memorySwapBytes: int(2),
  cpuShares: int(3),
  cpuPeriodUs: int(4),
  cpuQuotaUs: int(5),
  cpusetCpus: text(6),
  cpusetMems: text(7),
});

/** The metadata of a vertex. */
export const metadataMessage: Message<OpMetadata> = message<OpMetadata>({
  ignoreCache: flag(1),
  description: map<string>(2, "text"),
  exportCache: wrapped(4, flag(1), false),
  caps: nameSet(5),
  progressGroup: nested(6, () => progressGroup),
  resources: nested(7, () => resources),
});

const position = message<DefinitionPosition>({ line: int(1), character: int(2) });

const range = message<DefinitionRange>({ start: nested(1, () => position), end: nested(2, () => position) });

/** A place in a source file. */
export const locationMessage: Message<DefinitionLocation> = message<DefinitionLocation>({
  sourceIndex: int(1),
  ranges: repeated(2, () => range),
});

const locations = message<{ readonly locations?: readonly DefinitionLocation[] }>({
  locations: repeated(1, () => locationMessage),
});

/** A source file. */
export const sourceInfoMessage: Message<DefinitionSourceInfo> = message<DefinitionSourceInfo>({
  filename: text(1),
  data: bytes(2),
  definition: nested(3, () => definitionMessage),
  language: text(4),
});

const sourceMessage = message<DefinitionSource>({
  locations: map<{ readonly locations?: readonly DefinitionLocation[] }>(1, () => locations),
  infos: repeated(2, () => sourceInfoMessage),
});

/** A definition: Go leaves the order of its maps to chance, here it is that of their keys. */
export const definitionMessage: Message<WireDefinition> = message<WireDefinition>({
  def: byteStrings(1),
  metadata: map<OpMetadata>(2, () => metadataMessage),
  source: nested(3, () => sourceMessage),
});
