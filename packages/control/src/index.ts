export {
  type Capabilities,
  type Capability,
  hasCapability,
  requireCapability,
} from "@buildkit-node/gateway";
export type { AttestationOptions, ProvenanceOptions } from "./attestations.ts";
export type {
  AzblobCache,
  CacheEntry,
  CacheExport,
  CacheExportOptions,
  CacheImageOptions,
  CacheImport,
  GhaCache,
  InlineCacheExport,
  LocalCacheExport,
  LocalCacheImport,
  RegistryCacheExport,
  RegistryCacheImport,
  S3Cache,
} from "./cache/cache-options.ts";
export { ghaCacheVariables, s3CacheVariables } from "./cache/cache-variables.ts";
export { type CallOptions, Client, type ConnectOptions, connect } from "./client.ts";
export {
  type ContentRange,
  type ContentRecord,
  DaemonContent,
  type ListContentOptions,
} from "./content/daemon-content.ts";
export type { ContextSource, DockerfileOptions, SessionLocal } from "./dockerfile.ts";
export { BuildLostError } from "./errors/build-lost-error.ts";
export type { BuildFilter } from "./history/build-filter.ts";
export {
  BuildHistory,
  type BuildRecordEvent,
  type ListBuildsOptions,
  type Provenance,
} from "./history/build-history.ts";
export type { Blob, BuildRecord, RecordedResult } from "./history/build-record.ts";
export type { BuildStatus } from "./history/build-status.ts";
export type { Span, SpanEvent, SpanLink } from "./history/trace.ts";
export type { ResolveImageOptions, ResolveSourceOptions } from "./look-up.ts";
export type { CloseOptions } from "./session/running-builds.ts";
export type { LocalSource, SessionOptions } from "./session/session-options.ts";
export { type OpenSessionOptions, SharedSession } from "./session/shared-session.ts";
export { Build } from "./solve/build.ts";
export type { FrontendInput, PlatformsInput, SolveInput } from "./solve/solve-input.ts";
export type { Exporters, SolveOptions } from "./solve/solve-options.ts";
export type { SolveResult } from "./solve/solve-result.ts";
export type { SourceRule, SourceSelector } from "./solve/source-rule.ts";
export type { DiskUsageOptions, PruneOptions, RecordType, UsageFilter, UsageRecord } from "./storage.ts";
export type {
  CdiDevice,
  DaemonInfo,
  GcPolicy,
  ListWorkersOptions,
  Worker,
  WorkerFilter,
} from "./workers.ts";
