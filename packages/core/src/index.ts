export { abortable, delay, onAbort, within } from "./abort.ts";
export { BoundedQueue } from "./bounded-queue.ts";
export { BuildkitError, type ErrorCode, errorMessage, InvalidArgumentError } from "./error.ts";
export type { ProgressBuild, ProgressDisplay, ProgressSink } from "./model/progress-display.ts";
export { formatSource, hasSources, type SourceLocation } from "./model/source-location.ts";
export type {
  Position,
  ProgressGroup,
  Range,
  SourceInfo,
  StatusUpdate,
  Timestamp,
  Vertex,
  VertexLog,
  VertexStatus,
  VertexWarning,
} from "./model/status.ts";
export { Scope } from "./scope.ts";
