import type { Interval, Timestamp } from "@buildkit-node/core";

/**
 * The same intervals in order of time, with those that overlap or touch made one. One without an end is over when a
 * later one has begun and ended: a step may start again without having been reported as completed. One that ends before it
 * starts (a clock was set back) counts as no time at all.
 */
export function mergeIntervals(intervals: Iterable<Interval>): Interval[] {
  const merged: Interval[] = [];
  for (const { start, end } of [...intervals].sort((a, b) => a.start - b.start)) {
    const last = merged.at(-1);
    if (last === undefined || (last.end !== undefined && last.end < start)) {
      merged.push(end === undefined ? { start } : { start, end: Math.max(start, end) });
    } else {
      merged[merged.length - 1] = {
        start: last.start,
        ...(end !== undefined && { end: Math.max(start, end, last.end ?? end) }),
      };
    }
  }
  return merged;
}

/** Milliseconds that merged intervals take; an open one counts up to `now`. */
export function busyMs(merged: readonly Interval[], now: Timestamp): number {
  let total = 0;
  for (const { start, end } of merged) total += Math.max(0, (end ?? now) - start);
  return total;
}
