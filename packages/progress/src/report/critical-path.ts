import type { Timestamp } from "@buildkit-node/core";
import type { Step } from "../model/step.ts";
import type { StepGraph } from "./step-graph.ts";

/** Clocks of steps differ by this much without one being before the other. */
const TOLERANCE_MS = 1;

/** What took less was a look into the cache. */
const WORK_FROM_MS = 1;

/** One stretch of a step's work. */
interface Work {
  readonly step: Step;
  readonly start: Timestamp;
  readonly end: Timestamp;
}

/**
 * The chain of steps that the end of the build waited for, first to last: from what ended last, each time that which had to end
 * before it could begin. That is the last of its inputs to end; a step without inputs (the export, the load of the context)
 * waited for the step that was done last before it began.
 */
export function criticalPath(graph: StepGraph, now: Timestamp): Step[] {
  const all = graph.steps.flatMap((step) => workOf(step, now));
  const path: Step[] = [];
  for (let next = latest(all); next !== undefined; next = awaited(next, all, graph)) {
    if (path[0] !== next.step) path.unshift(next.step);
  }
  return [...new Set(path)];
}

function workOf(step: Step, now: Timestamp): Work[] {
  return step.intervals
    .map(({ start, end = now }) => ({ step, start, end }))
    .filter(({ start, end }) => end - start >= WORK_FROM_MS);
}

/** Each call goes back in time, so that a chain has an end. */
function awaited({ step, start }: Work, all: readonly Work[], graph: StepGraph): Work | undefined {
  const inputs = new Set(graph.inputsOf(step));
  const before = all.filter((work) => work.end <= start + TOLERANCE_MS && work.start < start);
  const unfinished = new Set(all.filter((work) => work.end > start + TOLERANCE_MS).map((work) => work.step));
  return (
    latest(before.filter((work) => inputs.has(work.step))) ??
    latest(before.filter((work) => !unfinished.has(work.step)))
  );
}

function latest(all: readonly Work[]): Work | undefined {
  let last: Work | undefined;
  for (const work of all) if (last === undefined || work.end > last.end) last = work;
  return last;
}
