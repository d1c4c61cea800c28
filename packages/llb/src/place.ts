/**
 * Where a value was written: at the call of a public function that is still running, or at a call that was noted while it
 * ran. Absent when call sites are switched off.
 */
export type Place = EntryPoint | CallSite | undefined;

/** A public function, as `Error.captureStackTrace` wants it. */
// biome-ignore lint/complexity/noBannedTypes: only its identity matters
export type EntryPoint = Function;

/** An unformatted stack, a few frames deep. V8 formats it only when `stack` is read. */
interface CallSite {
  readonly stack?: string;
}

/** How many frames are kept: enough to see past a helper of the caller's own. */
const keptFrames = 2;

let enabled = true;

/**
 * Switches off, or on again, the noting of calls whose errors can only come later: those on states that wait for an image
 * config or an async step. Noting one costs a few microseconds and a few hundred bytes. All other errors come at the call,
 * and know their place either way.
 */
export function captureCallSites(on: boolean): void {
  enabled = on;
}

/** The place of a call, for an error that comes when the call is over. */
export function noted(place: Place): Place {
  return typeof place === "function" ? (enabled ? callerOf(place) : undefined) : place;
}

/** The frames of the caller, innermost first, as the engine writes them: `build (/app/build.ts:12:5)`. */
export function framesOf(place: Place): readonly string[] {
  const site = typeof place === "function" ? callerOf(place) : place;
  const lines = site?.stack?.split("\n") ?? [];
  return lines.flatMap((line) => {
    const frame = /^\s+at (.*)$/.exec(line)?.[1];
    return frame === undefined ? [] : [frame];
  });
}

/** The limit of frames belongs to the whole process: it is put back at once. */
function callerOf(entry: EntryPoint): CallSite {
  const site: CallSite = {};
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = keptFrames;
  Error.captureStackTrace?.(site, entry);
  Error.stackTraceLimit = limit;
  return site;
}
