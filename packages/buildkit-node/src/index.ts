export {
  Build,
  type CacheEntry,
  type CallOptions,
  type Capabilities,
  Client,
  type ConnectOptions,
  connect,
  type DaemonInfo,
  type DiskUsageOptions,
  type DockerfileOptions,
  type Exporters,
  type FrontendInput,
  type PruneOptions,
  type SolveInput,
  type SolveOptions,
  type SolveResult,
  type UsageFilter,
  type UsageRecord,
  type Worker,
} from "@buildkit-node/control";
export {
  type BuildEvent,
  BuildkitError,
  type ErrorCode,
  type ErrorSource,
  InvalidArgumentError,
  type ProgressDisplay,
  type ProgressSink,
  SolveError,
  type StatusUpdate,
  UnsupportedError,
  type Vertex,
  type VertexLog,
  type VertexStatus,
  type VertexWarning,
} from "@buildkit-node/core";
export {
  type Exporter,
  type LocalOptions,
  type LocalResult,
  local,
  type OciOptions,
  type OciResult,
  oci,
  type ResultOf,
  type TarOptions,
  type TarResult,
  tar,
} from "@buildkit-node/exporters";
export * as llb from "@buildkit-node/llb";
export { type DisplayMode, type DisplayOptions, display } from "@buildkit-node/progress";
export { DestinationError, LocalSourceError, SessionError } from "@buildkit-node/session";
export { AddressError, ConnectError, ConnectionLostError, type Dialer } from "@buildkit-node/transport";
