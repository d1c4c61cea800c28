// Draws one step's output on standard error, without a daemon: draw.mjs MODE LINES LINES-PER-PIECE
import { display } from "buildkit-node";

const [mode, lines, perPiece] = process.argv.slice(2);
const step = {
  digest: "sha256:step",
  inputs: [],
  name: "[1/2] RUN make -j8",
  cached: false,
  started: Date.now(),
};
const nothing = { vertices: [], statuses: [], logs: [], warnings: [] };

const sink = display(mode, { env: {} }).attach({ ref: "bench" });
await sink.update({ ...nothing, vertices: [step] });
let pieces = 0;
for (let from = 0; from < Number(lines); from += Number(perPiece)) {
  let text = "";
  for (let line = from; line < from + Number(perPiece); line++) {
    text += `[${line}/${lines}] gcc -O2 -Wall -Wextra -o build/object-${line}.o -c source/module-${line}.c\n`;
  }
  const log = { vertex: step.digest, stream: "stdout", data: Buffer.from(text), timestamp: Date.now() };
  await sink.update({ ...nothing, logs: [log] });
  // As a network would: the event loop turns now and then.
  if (++pieces % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
}
await sink.update({ ...nothing, vertices: [{ ...step, completed: Date.now() }] });
await sink.end({});
