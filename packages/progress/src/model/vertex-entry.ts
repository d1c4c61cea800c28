import type { Interval, ProgressGroup, Timestamp, Vertex } from "@buildkit-node/core";
import { plainText } from "../text/terminal-line.ts";
import { mergeIntervals } from "./intervals.ts";
import type { Step, StepState, VertexRecord } from "./step.ts";

/** One vertex: its newest state, and every interval in which it worked. */
export class VertexEntry implements VertexRecord {
  readonly digest: string;
  readonly group: ProgressGroup | undefined;
  readonly step: Step;
  name = "";
  inputs: readonly string[] = [];
  cached = false;
  error?: string;
  intervals: readonly Interval[] = [];
  readonly #ends = new Map<Timestamp, Timestamp | undefined>();

  constructor(vertex: Vertex, step: Step) {
    this.digest = vertex.digest;
    this.group = vertex.progressGroup;
    this.step = step;
  }

  get state(): StepState {
    return stateOf(this);
  }

  /**
   * Takes a newer state; false if it says nothing new. A state that is behind what is known of the same interval
   * (not started although it has, not completed although it is) is late and ignored.
   */
  update(vertex: Vertex): boolean {
    const { started, completed } = vertex;
    if (started === undefined && this.#ends.size > 0) return false;
    if (started !== undefined && completed === undefined && this.#ends.get(started) !== undefined)
      return false;
    const before = [this.name, this.cached, this.error, this.intervals.length, this.intervals.at(-1)?.end];
    this.name = plainText(vertex.name) || vertex.digest;
    this.inputs = vertex.inputs;
    this.cached = vertex.cached;
    if (vertex.error) this.error = vertex.error;
    else delete this.error;
    if (started !== undefined) {
      this.#ends.set(started, completed);
      this.intervals = mergeIntervals(Array.from(this.#ends, ([start, end]) => interval(start, end)));
    }
    const after = [this.name, this.cached, this.error, this.intervals.length, this.intervals.at(-1)?.end];
    return after.some((value, index) => value !== before[index]);
  }
}

/** What cached, error and times come to. */
export function stateOf(known: {
  readonly cached: boolean;
  readonly error?: string | undefined;
  readonly intervals: readonly Interval[];
}): StepState {
  if (known.error !== undefined) return isCanceled(known.error) ? "canceled" : "error";
  const last = known.intervals.at(-1);
  if (last !== undefined && last.end === undefined) return "running";
  if (known.cached) return "cached";
  return last === undefined ? "pending" : "done";
}

/** True for the error of a step that was stopped, rather than one that failed. */
function isCanceled(error: string): boolean {
  return error.endsWith("context canceled");
}

function interval(start: Timestamp, end: Timestamp | undefined): Interval {
  return end === undefined ? { start } : { start, end };
}
