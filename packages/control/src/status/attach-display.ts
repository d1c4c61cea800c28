import type { ProgressBuild, ProgressDisplay, ProgressSink } from "@buildkit-node/core";

/** A build's part of a display. What a display throws ends it, and not the build: nothing more is shown. */
export function attachDisplay(display: ProgressDisplay, build: ProgressBuild): ProgressSink {
  let sink: ProgressSink | undefined = display.attach(build);
  const unlessBroken = async (show: (sink: ProgressSink) => void | Promise<void>) => {
    try {
      if (sink !== undefined) await show(sink);
    } catch {
      sink = undefined;
    }
  };
  return {
    update: (update) => unlessBroken((own) => own.update(update)),
    end: (outcome) => unlessBroken((own) => own.end(outcome)),
  };
}
