import { describe, inject } from "vitest";

/** A daemon that the tests share. */
export interface TestDaemon {
  readonly name: string;
  /** Whether the run started it: only then may its cache be pruned and its history deleted. */
  readonly ours: boolean;
  /** What it says of itself, for the summary. */
  readonly versions: string;
}

/** One way to a daemon. */
export interface Way {
  readonly name: string;
  readonly daemon: string;
  /** As `connect()` takes it. */
  readonly address: string;
  readonly ours: boolean;
}

declare module "vitest" {
  interface ProvidedContext {
    readonly daemons: readonly TestDaemon[];
    readonly ways: readonly Way[];
  }
}

/** The suite once for each way to each daemon. Tests in it share the daemon with all others, so they use names of their own. */
export function describeEachWay(name: string, suite: (way: Way) => void): void {
  for (const way of inject("ways")) describe(`${name} (${way.name})`, () => suite(way));
}

/** The suite once for each daemon, by the first of its ways: for what does not depend on how the daemon is reached. */
export function describeEachDaemon(name: string, suite: (way: Way) => void): void {
  const ways = inject("ways");
  const first = ways.filter((way, index) => ways.findIndex(({ daemon }) => daemon === way.daemon) === index);
  for (const way of first) describe(`${name} (${way.daemon})`, () => suite(way));
}

/**
 * The suite, only in a run that starts daemons itself: for tests that prune, kill, or start daemons of their own.
 * With `BUILDKIT_HOST` it is skipped and listed in the summary.
 */
export function describeDestructive(name: string, suite: () => void): void {
  const allowed = inject("daemons").every(({ ours }) => ours);
  describe.skipIf(!allowed)(allowed ? name : `${name} [needs daemons of its own]`, suite);
}
