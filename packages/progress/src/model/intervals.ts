import type { Timestamp } from "@buildkit-node/core";

/** A stretch of work; without `stop` it goes on. */
export interface Interval {
  readonly start: Timestamp;
  readonly stop?: Timestamp;
}

/**
 * The same stretches in order of time, with those that overlap or touch made one. An open stretch takes in
 * everything after it. One that stops before it starts (a clock was set back) counts as no time at all.
 */
export function mergeIntervals(intervals: Iterable<Interval>): Interval[] {
  const sorted = [...intervals].sort((a, b) => a.start - b.start);
  const merged: Interval[] = [];
  for (const { start, stop } of sorted) {
    const previous = merged.at(-1);
    if (previous === undefined || (previous.stop !== undefined && previous.stop < start)) {
      merged.push(stop === undefined ? { start } : { start, stop: Math.max(start, stop) });
    } else if (previous.stop === undefined) {
      break;
    } else {
      const joined = stop === undefined ? {} : { stop: Math.max(previous.stop, stop) };
      merged[merged.length - 1] = { start: previous.start, ...joined };
    }
  }
  return merged;
}

/** Milliseconds that merged intervals take; an open one counts up to `now`. */
export function busyMs(merged: readonly Interval[], now: Timestamp): number {
  let total = 0;
  for (const { start, stop } of merged) total += Math.max(0, (stop ?? now) - start);
  return total;
}
