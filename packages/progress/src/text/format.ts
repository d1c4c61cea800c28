const UNITS = ["kB", "MB", "GB", "TB", "PB", "EB"];

/**
 * `value` with `digits` decimals. Exact ties go to the even neighbour, as they do in the Go client's output, whose
 * lines people compare with.
 */
export function fixed(value: number, digits: number): string {
  const scale = 10 ** digits;
  const floor = Math.floor(value * scale);
  const isTie = Number.isInteger(value * 2 ** (digits + 1)) && value * scale - floor === 0.5;
  return isTie && floor % 2 === 0 ? (floor / scale).toFixed(digits) : value.toFixed(digits);
}

/** A number of bytes in decimal units with two decimals: `466B`, `1.23kB`, `12.00MB`. */
export function formatBytes(bytes: number): string {
  let scale = 1;
  let unit = "B";
  for (const larger of UNITS) {
    if (Math.abs(bytes) < scale * 1000) break;
    scale *= 1000;
    unit = larger;
  }
  return scale === 1 ? `${Math.trunc(bytes)}B` : `${fixed(bytes / scale, 2)}${unit}`;
}

/** Seconds since a step's start, before a line of its output: the more digits the fewer seconds there are. */
export function formatLogTime(seconds: number): string {
  return fixed(seconds, seconds < 10 ? 3 : seconds < 100 ? 2 : 1);
}
