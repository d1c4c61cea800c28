/**
 * A time in nanoseconds as `utimes` of `node:fs` takes it: seconds with a fraction, exact to a microsecond. Node takes a
 * negative number for "now", so times before 1970 are given as a `Date`, exact to a millisecond.
 */
export function toFsTime(timeNs: bigint): number | Date {
  if (timeNs < 0n) return new Date(Number(timeNs / 1_000_000n));
  // In two parts: the whole number of nanoseconds does not fit a double.
  return Number(timeNs / 1_000_000_000n) + Number(timeNs % 1_000_000_000n) / 1e9;
}
