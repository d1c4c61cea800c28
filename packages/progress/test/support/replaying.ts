import type { ProgressDisplay, StatusUpdate } from "@buildkit-node/core";
import { replay } from "@buildkit-node/progress";
import { vi } from "vitest";

/** Replays a build on a clock of its own, at the pace at which it happened. Needs vitest's fake timers. */
export async function play(
  display: ProgressDisplay,
  updates: readonly StatusUpdate[],
  options: { name?: string; error?: unknown } = {},
): Promise<void> {
  const build = options.name === undefined ? { ref: "r" } : { ref: "r", name: options.name };
  const sink = display.attach(build);
  // No time passes on that clock while the display is loaded.
  await vi.dynamicImportSettled();
  await settle(replay(updates, sink));
  await settle(sink.end(options.error === undefined ? {} : { error: options.error }));
}

/** Lets the fake clock run until the promise has settled. */
export async function settle<T>(promise: Promise<T>): Promise<T> {
  let isSettled = false;
  const watched = promise.finally(() => {
    isSettled = true;
  });
  watched.catch(() => {});
  while (!isSettled) await vi.advanceTimersByTimeAsync(10);
  return watched;
}
