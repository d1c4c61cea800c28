export { abortable, delay, onAbort, within } from "./abort.ts";
export { BoundedQueue } from "./bounded-queue.ts";
export {
  BuildkitError,
  type ErrorCode,
  errorMessage,
  InvalidArgumentError,
  UnsupportedError,
} from "./error.ts";
export type { BuildEvent, Interval, VertexProgress } from "./model/build-event.ts";
export type { ProgressBuild, ProgressDisplay, ProgressSink } from "./model/progress-display.ts";
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
export { withoutPasswords } from "./redact.ts";
export { Scope } from "./scope.ts";
export {
  type ErrorDetail,
  type ErrorSource,
  type ErrorStack,
  SolveError,
  type SolveErrorFields,
  type StepDebugger,
} from "./solve-error.ts";
export { type ExcerptLine, sourceExcerpt } from "./source-excerpt.ts";
