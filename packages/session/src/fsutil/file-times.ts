/** What a time that travels can be: an int64 of nanoseconds since 1970, from September 1677 to April 2262. */
const minTimeNs = -(2n ** 63n);
const maxTimeNs = 2n ** 63n - 1n;

/** Whether a time can travel. */
export function isFileTime(timeNs: bigint): boolean {
  return clampFileTime(timeNs) === timeNs;
}

/** The nearest time that can travel. */
export function clampFileTime(timeNs: bigint): bigint {
  if (timeNs < minTimeNs) return minTimeNs;
  return timeNs > maxTimeNs ? maxTimeNs : timeNs;
}

/**
 * A time in nanoseconds as `utimes` of `node:fs` takes it: seconds with a fraction, exact to a microsecond. Node takes a
 * negative number for "now", so times before 1970 are given as a `Date`, exact to a millisecond.
 */
export function toFsTime(timeNs: bigint): number | Date {
  if (timeNs < 0n) return new Date(Number(timeNs / 1_000_000n));
  // In two parts: the whole number of nanoseconds does not fit a double.
  return Number(timeNs / 1_000_000_000n) + Number(timeNs % 1_000_000_000n) / 1e9;
}
