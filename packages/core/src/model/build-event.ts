import type { Timestamp, Vertex, VertexLog, VertexStatus, VertexWarning } from "./status.ts";

/** A span of time in which a step worked; `end` is absent while it still does. */
export interface Interval {
  readonly start: Timestamp;
  readonly end?: Timestamp;
}

/** A step with all the time that it worked: a step may start and complete several times. */
export interface VertexProgress extends Vertex {
  /** In order and without overlap. */
  readonly intervals: readonly Interval[];
}

/** Something that happened in a build. Times are in this machine's clock. */
export type BuildEvent =
  | { readonly kind: "vertex"; readonly vertex: VertexProgress }
  | { readonly kind: "progress"; readonly status: VertexStatus }
  | { readonly kind: "log"; readonly log: VertexLog }
  | { readonly kind: "warning"; readonly warning: VertexWarning };
