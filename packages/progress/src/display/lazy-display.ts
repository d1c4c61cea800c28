import type { ProgressDisplay } from "@buildkit-node/core";

/** A display whose code is loaded when the first build is shown on it. */
export function lazyDisplay(load: () => Promise<ProgressDisplay>): ProgressDisplay {
  let display: Promise<ProgressDisplay> | undefined;
  return {
    attach: (build) => {
      display ??= load();
      const sink = display.then((loaded) => loaded.attach(build));
      // Whoever updates or ends it is told.
      sink.catch(() => {});
      return {
        update: async (update) => (await sink).update(update),
        end: async (outcome) => (await sink).end(outcome),
      };
    },
  };
}
