/**
 * Where in the caller's program something was called: an unformatted stack, a few frames deep. V8 formats it only when
 * `stack` is read.
 */
export interface CallSite {
  readonly stack?: string;
}

/** How many of the caller's frames a step keeps: each costs time and memory, and steps are many. */
const stepFrames = 1;
/** How many an error keeps that is thrown now: enough to see past a helper of the caller's own. */
const errorFrames = 2;

let enabled = true;

/**
 * Switches the capturing of call sites for steps on or off; it is on from the start. A call costs a few microseconds
 * and its step a few hundred bytes; what it buys is that an error found while marshalling says where the step was
 * written. Errors found at the call know their place either way.
 */
export function captureCallSites(on: boolean): void {
  enabled = on;
}

/** Notes the caller of the function `entry`, for an error that may come later. */
export function callSite(entry: EntryPoint): CallSite | undefined {
  return enabled ? callerOf(entry, stepFrames) : undefined;
}

/** The caller of the function `entry`, for an error that is thrown now. */
export function callerOf(entry: EntryPoint, frames: number = errorFrames): CallSite {
  const site: CallSite = {};
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = frames;
  Error.captureStackTrace?.(site, entry);
  Error.stackTraceLimit = limit;
  return site;
}

/** A public function, as `Error.captureStackTrace` wants it. */
// biome-ignore lint/complexity/noBannedTypes: only its identity matters
export type EntryPoint = Function;

/** The frames of a call site, innermost first, as the engine writes them: `build (/app/build.ts:12:5)`. */
export function formatCallSite(site: CallSite | undefined): readonly string[] {
  const frames = site?.stack?.split("\n") ?? [];
  return frames.flatMap((line) => {
    const frame = /^\s+at (.*)$/.exec(line)?.[1];
    return frame === undefined ? [] : [frame];
  });
}
