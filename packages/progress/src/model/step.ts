import type { Interval, Timestamp, VertexStatus, VertexWarning } from "@buildkit-node/core";
import type { LogTail } from "./log-tail.ts";

/** Where a step stands. `pending` has not started; one that has started again after it was done is `running`. */
export type StepState = "pending" | "running" | "done" | "cached" | "error" | "canceled";

/** What a build shows as one line: a vertex, or the vertices of one progress group. */
export interface Step {
  /** The vertex's digest, or the group's id. */
  readonly id: string;
  /** From 1, in the order in which the steps came into sight; 0 before that. */
  readonly number: number;
  /** One line, free of control characters. */
  readonly name: string;
  readonly state: StepState;
  /** The times of work, merged and in order. */
  readonly intervals: readonly Interval[];
  /** The failure's text; of several in a group, the first. */
  readonly error?: string;
  /** Tasks that have started, in that order. */
  readonly tasks: readonly Task[];
  readonly warnings: readonly VertexWarning[];
  /** The last lines of output. */
  readonly log: Pick<LogTail, "lines" | "last" | "total">;
  /** Lines that have not ended yet, as they stand. */
  readonly openLines: readonly LogLineHead[];
  /** True for a progress group of which no member that is not weak has started yet; it is not shown. */
  readonly hidden: boolean;
  /** True for a progress group. */
  readonly isGroup: boolean;
  /** Digests of the vertices. */
  readonly members: readonly string[];
}

/** A line that has not ended yet. */
export interface LogLineHead {
  readonly stream: "stdout" | "stderr";
  readonly seconds: number;
  readonly text: string;
}

/** A task within a step, as last told. */
export interface Task extends VertexStatus {
  /** Units per second between the last two reports that moved, smoothed; 0 when not known. */
  readonly rate: number;
}

/** What is known of one vertex, apart from what its step shows. */
export interface VertexRecord {
  readonly digest: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly state: StepState;
  readonly error?: string;
  readonly intervals: readonly Interval[];
  readonly step: Step;
}

/** The moment at which a step last ended; undefined while it runs or before it has started. */
export function completedAt(step: Pick<Step, "intervals">): Timestamp | undefined {
  return step.intervals.at(-1)?.end;
}
