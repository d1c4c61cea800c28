import type { BuildModel } from "../model/build-model.ts";
import type { Step } from "../model/step.ts";

/** A trace in the JSON format of Chrome's tracing, which Perfetto and `chrome://tracing` open. Times are microseconds. */
export interface ChromeTrace {
  readonly displayTimeUnit: "ms";
  readonly traceEvents: readonly ChromeTraceEvent[];
}

export interface ChromeTraceEvent {
  readonly name: string;
  readonly ph: "X" | "b" | "e" | "M";
  readonly pid: number;
  readonly tid: number;
  readonly ts?: number;
  readonly dur?: number;
  readonly cat?: string;
  readonly id?: string;
  readonly args?: Readonly<Record<string, string | number | boolean>>;
}

const PID = 1;

/** The times of a build's steps, in as few lanes as keep them apart, and of their tasks. */
export function timingTrace(model: BuildModel): ChromeTrace {
  const { startedAt = 0, latest = 0 } = model;
  const lanes = new Lanes();
  const events: ChromeTraceEvent[] = [
    { name: "process_name", ph: "M", pid: PID, tid: 0, args: { name: "build" } },
  ];
  const us = (moment: number) => Math.round((moment - startedAt) * 1000);
  for (const step of model.steps) {
    const tid = lanes.take(step.intervals[0]?.start ?? startedAt, step.intervals.at(-1)?.end ?? latest);
    for (const { start, end = latest } of step.intervals) {
      const dur = Math.max(0, us(end) - us(start));
      events.push({
        name: step.name,
        cat: step.state,
        ph: "X",
        pid: PID,
        tid,
        ts: us(start),
        dur,
        args: argsOf(step),
      });
    }
    for (const [index, task] of step.tasks.entries()) {
      const common = { name: task.id, cat: "task", id: `${step.number}.${index}`, pid: PID, tid };
      events.push({
        ...common,
        ph: "b",
        ts: us(task.started ?? startedAt),
        args: { bytes: task.current, total: task.total },
      });
      events.push({ ...common, ph: "e", ts: us(task.completed ?? latest) });
    }
  }
  return { displayTimeUnit: "ms", traceEvents: events };
}

function argsOf(step: Step): Record<string, string | number | boolean> {
  return {
    number: step.number,
    state: step.state,
    id: step.id,
    ...(step.error === undefined ? {} : { error: step.error }),
  };
}

/** Rows of a timeline in which nothing overlaps. */
export class Lanes {
  readonly #ends: number[] = [];

  /** The first lane that is free from `start` on; it is taken up to `end`. Counts from 1. */
  take(start: number, end: number): number {
    const free = this.#ends.findIndex((taken) => taken <= start);
    const lane = free === -1 ? this.#ends.length : free;
    this.#ends[lane] = Math.max(end, start);
    return lane + 1;
  }
}
