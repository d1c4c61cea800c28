// What drawing 1,000,000 lines of output costs: progress.ts [plain|tty|rawjson|model] [lines] [lines per chunk]
// Draws on standard output (for tty, run it on a terminal), and writes one line of JSON to standard error.
import type { StatusUpdate, Vertex } from "@buildkit-node/core";
import { BuildModel, type DisplayMode, display } from "@buildkit-node/progress";

const [mode = "plain", lines = "1000000", perChunk = "20"] = process.argv.slice(2);
const STEP: Vertex = {
  digest: "sha256:step",
  inputs: [],
  name: "[1/2] RUN make -j8",
  cached: false,
  started: Date.now(),
};

function* updates(count: number, size: number): Iterable<StatusUpdate> {
  const nothing: StatusUpdate = { vertices: [], statuses: [], logs: [], warnings: [] };
  yield { ...nothing, vertices: [STEP] };
  for (let from = 0; from < count; from += size) {
    let text = "";
    for (let line = from; line < Math.min(from + size, count); line++) {
      text += `[${line}/${count}] gcc -O2 -Wall -Wextra -o build/object-${line}.o -c source/module-${line}.c\n`;
    }
    const chunk = {
      vertex: STEP.digest,
      stream: "stdout" as const,
      data: Buffer.from(text),
      timestamp: Date.now(),
    };
    yield { ...nothing, logs: [chunk] };
  }
  yield { ...nothing, vertices: [{ ...STEP, completed: Date.now() }] };
}

async function draw(mode: DisplayMode, stream: Iterable<StatusUpdate>): Promise<void> {
  const sink = display(mode, { stream: process.stdout, env: {} }).attach({ ref: "bench" });
  let count = 0;
  for (const update of stream) {
    await sink.update(update);
    // As a network would: the event loop turns now and then.
    if (++count % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await sink.end({});
}

const before = process.cpuUsage();
const begun = performance.now();
const stream = updates(Number(lines), Number(perChunk));
if (mode === "model") {
  const model = new BuildModel();
  for (const update of stream) model.apply(update);
} else if (mode === "none") {
  for (const _ of stream);
} else {
  await draw(mode as DisplayMode, stream);
}
const { user, system } = process.cpuUsage(before);
const result = {
  bench: "progress",
  mode,
  lines: Number(lines),
  perChunk: Number(perChunk),
  wallS: Number(((performance.now() - begun) / 1000).toFixed(2)),
  userS: user / 1e6,
  systemS: system / 1e6,
  maxRssMB: Math.round(process.resourceUsage().maxRSS / 1024),
};
process.stderr.write(`${JSON.stringify(result)}\n`);
