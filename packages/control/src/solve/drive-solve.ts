import { BuildkitError, within } from "@buildkit-node/core";

/** Runs a build function until it has given its result, or the signal says that nobody wants it any more. */
export type Drive = (signal: AbortSignal) => Promise<void>;

/** What a build function threw. */
export interface Thrown {
  readonly error: unknown;
}

/** How long the daemon has to end a build whose function has failed. */
const failMs = 5_000;

/**
 * Runs a build function beside the Solve call that it drives: each ends with the other.
 *
 * @param cancel ends the Solve call
 * @returns what the function threw of its own accord
 */
export async function driveSolve(
  drive: Drive,
  solve: Promise<unknown>,
  cancel: (reason: unknown) => void,
): Promise<Thrown | undefined> {
  const over = new AbortController();
  const ended = solve.then(
    () =>
      over.abort(
        new BuildkitError("ERR_BUILDKIT_CLOSED", "the build has ended without its function's result"),
      ),
    (error: unknown) => over.abort(error),
  );
  try {
    await drive(over.signal);
    return undefined;
  } catch (error) {
    // The function was only stopped. What it threw by itself stays its own, also when the build has failed with it by now.
    if (over.signal.aborted && error === over.signal.reason) return undefined;
    // The daemon has been told of it, and fails the build with it.
    await within(ended, failMs);
    if (!over.signal.aborted) cancel(error);
    return { error };
  }
}
