import { timestampMs, type Timestamp as WireTimestamp } from "@bufbuild/protobuf/wkt";
import { InvalidArgumentError, type Timestamp } from "@buildkit-node/core";
import { requireCapability } from "@buildkit-node/gateway";
import { Control, type UsageRecord as WireUsageRecord } from "@buildkit-node/proto/control";
import { type Connection, scopedStream } from "@buildkit-node/transport";
import { createClient } from "@connectrpc/connect";
import { capabilitiesOf } from "./capabilities.ts";
import { checkList } from "./check-list.ts";

/** What a record of the build cache is. */
export type RecordType =
  | "regular"
  | "internal"
  | "frontend"
  | "source.local"
  | "source.git.checkout"
  | "exec.cachemount";

/** One record of the build cache. */
export interface UsageRecord {
  readonly id: string;
  readonly type: RecordType | (string & {});
  /** What made it, for people. */
  readonly description: string;
  /** What it takes up by itself. */
  readonly sizeBytes: number;
  /** Whether a build uses it now. */
  readonly inUse: boolean;
  /** Whether it can still be written to. */
  readonly mutable: boolean;
  /** Whether something beside the build cache uses the same data, such as an image. */
  readonly shared: boolean;
  /** Ids of the records that it builds upon. */
  readonly parents: readonly string[];
  readonly created?: Timestamp;
  readonly lastUsed?: Timestamp;
  readonly usageCount: number;
}

/** Records that meet all of these conditions. */
export interface UsageFilter {
  readonly id?: string;
  readonly type?: RecordType;
  readonly description?: string;
  readonly inUse?: true;
  /** True for records that can still be written to, false for the others. */
  readonly mutable?: boolean;
  /** True for records that are shared with something beside the cache, false for the others. */
  readonly shared?: boolean;
}

export interface DiskUsageOptions {
  /** Records that meet one of these: as conditions, or as texts in containerd's words. Default: all. */
  readonly filters?: readonly (UsageFilter | string)[];
  /** Records that were not used for this long (BuildKit 0.22; older daemons list all). Default: 0. */
  readonly ageLimitMs?: number;
  readonly signal?: AbortSignal;
}

/** What to remove from the build cache. What is in use always stays. */
export interface PruneOptions {
  /** Records that meet one of these: as conditions, or as texts in containerd's words. Default: all. */
  readonly filters?: readonly (UsageFilter | string)[];
  /** Removes internal, frontend and shared records too. Default: false. */
  readonly all?: boolean;
  /** Records used within this time stay. Default: 0. */
  readonly keepDurationMs?: number;
  /** With this or one of the next two, records go one by one, the oldest first, until the limit is met. */
  readonly reservedSpaceBytes?: number;
  /** Space that the cache may take at most; needs the capability `gc.freespacefilter` (BuildKit 0.17). */
  readonly maxUsedSpaceBytes?: number;
  /** Space to leave free on the disk; needs the capability `gc.freespacefilter` (BuildKit 0.17). */
  readonly minFreeSpaceBytes?: number;
  readonly signal?: AbortSignal;
}

/** What the build cache holds. */
export async function diskUsage(
  connection: Connection,
  options: DiskUsageOptions,
): Promise<readonly UsageRecord[]> {
  const request = {
    filter: filterTexts(options.filters),
    ageLimit: nanoseconds("ageLimitMs", options.ageLimitMs),
  };
  const { signal } = options;
  const { record } = await createClient(Control, connection.rpc).diskUsage(request, signal ? { signal } : {});
  return record.map(recordFromProto);
}

/** Removes records from the build cache and tells which. Stopping early leaves the rest where it is. */
export async function prune(connection: Connection, options: PruneOptions): Promise<readonly UsageRecord[]> {
  const { maxUsedSpaceBytes, minFreeSpaceBytes, signal } = options;
  const request = {
    filter: filterTexts(options.filters),
    all: options.all ?? false,
    keepDuration: nanoseconds("keepDurationMs", options.keepDurationMs),
    reservedSpace: bytes("reservedSpaceBytes", options.reservedSpaceBytes),
    maxUsedSpace: bytes("maxUsedSpaceBytes", maxUsedSpaceBytes),
    minFreeSpace: bytes("minFreeSpaceBytes", minFreeSpaceBytes),
  };
  // A daemon that does not know these limits would remove everything.
  if (maxUsedSpaceBytes !== undefined || minFreeSpaceBytes !== undefined) {
    const capabilities = await capabilitiesOf(connection, signal);
    requireCapability(capabilities, "gc.freespacefilter", "a prune by used or free space");
  }
  const control = createClient(Control, connection.rpc);
  const removed: UsageRecord[] = [];
  for await (const record of scopedStream((scope) => control.prune(request, { signal: scope }), signal)) {
    removed.push(recordFromProto(record));
  }
  return removed;
}

function filterTexts(filters: readonly (UsageFilter | string)[] = []): string[] {
  checkList("filters", filters);
  return filters.map((filter) => (typeof filter === "string" ? filter : conditions(filter).join(",")));
}

function conditions(filter: UsageFilter): string[] {
  const { inUse, mutable, shared } = filter;
  const equal = (["id", "type", "description"] as const).flatMap((field) => {
    const value = filter[field];
    return value === undefined ? [] : [`${field}==${JSON.stringify(value)}`];
  });
  return [
    ...equal,
    ...(inUse === true ? ["inuse"] : []),
    ...(mutable === undefined ? [] : [mutable ? "mutable" : "immutable"]),
    ...(shared === undefined ? [] : [shared ? "shared" : "private"]),
  ];
}

function nanoseconds(name: string, ms = 0): bigint {
  if (!(ms >= 0 && Number.isFinite(ms))) throw negative(name, ms);
  return BigInt(Math.round(ms * 1000)) * 1000n;
}

function bytes(name: string, size = 0): bigint {
  if (!(size >= 0 && Number.isInteger(size))) throw negative(name, size);
  return BigInt(size);
}

function negative(name: string, value: number): InvalidArgumentError {
  return new InvalidArgumentError(name, value, `${name} is ${value}; it has to be a number from 0 on`);
}

function recordFromProto(record: WireUsageRecord): UsageRecord {
  const { Parent, Parents } = record;
  return {
    id: record.ID,
    type: record.RecordType,
    description: record.Description,
    sizeBytes: Number(record.Size),
    inUse: record.InUse,
    mutable: record.Mutable,
    shared: record.Shared,
    // Before BuildKit 0.10 there was one at most.
    parents: Parents.length === 0 && Parent !== "" ? [Parent] : Parents,
    ...moment("created", record.CreatedAt),
    ...moment("lastUsed", record.LastUsedAt),
    usageCount: Number(record.UsageCount),
  };
}

function moment<Name extends string>(
  name: Name,
  time: WireTimestamp | undefined,
): { readonly [Key in Name]?: Timestamp } {
  return time === undefined ? {} : ({ [name]: timestampMs(time) } as { [Key in Name]: Timestamp });
}
