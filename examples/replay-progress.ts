// Shows a recorded build again: replay-progress.ts [--mode tty] [--speed 2] recording.rawjson...
// Several recordings are shown at the same time, as a build tool would show its builds.
import { createReadStream } from "node:fs";
import { basename } from "node:path";
import { parseArgs } from "node:util";
import { type DisplayMode, display } from "buildkit-node";
import { readRecording, replay } from "buildkit-node/progress";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { mode: { type: "string", default: "auto" }, speed: { type: "string", default: "1" } },
});

const screen = display(values.mode as DisplayMode);
await Promise.all(
  positionals.map(async (file) => {
    const build = { ref: file, ...(positionals.length > 1 ? { name: basename(file, ".rawjson") } : {}) };
    const sink = screen.attach(build);
    await replay(readRecording(createReadStream(file)), sink, { speed: Number(values.speed) });
    await sink.end({});
  }),
);
