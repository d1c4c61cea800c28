export {
  type Capabilities,
  type Capability,
  hasCapability,
  requireCapability,
} from "@buildkit-node/gateway";
export { type CallOptions, Client, type ConnectOptions, connect } from "./client.ts";
export type { ContextSource, DockerfileOptions } from "./dockerfile.ts";
export type { BuildFilter } from "./history/build-filter.ts";
export { BuildHistory, type BuildRecordEvent, type ListBuildsOptions } from "./history/build-history.ts";
export type { Blob, BuildRecord, RecordedResult } from "./history/build-record.ts";
export type { ResolveImageOptions } from "./resolve-image-config.ts";
export { Build } from "./solve/build.ts";
export type { FrontendInput, SolveInput } from "./solve/solve-input.ts";
export type { CacheEntry, Exporters, SolveOptions } from "./solve/solve-options.ts";
export type { SolveResult } from "./solve/solve-result.ts";
export type { DiskUsageOptions, PruneOptions, RecordType, UsageFilter, UsageRecord } from "./storage.ts";
export type { CdiDevice, DaemonInfo, GcPolicy, Worker } from "./workers.ts";
