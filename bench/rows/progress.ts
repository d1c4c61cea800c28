import { cp, mkdir } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { provideSets } from "../../scripts/debian/provide.ts";
import { goClient } from "../bench-daemon.ts";
import { type Command, type Cost, measure } from "../measure.ts";
import { alone, type Bench, pairs } from "../row.ts";
import { goEnvironment, type StageContents, setStage } from "./dockerfile-build.ts";

type Mode = "plain" | "tty";

const LINES = 1_000_000;
/** Counted runs of the drawing alone. */
const RUNS = 3;

/** The daemon gives all of a step's output, however much and however fast. */
const unlimited = { BUILDKIT_STEP_LOG_MAX_SIZE: "-1", BUILDKIT_STEP_LOG_MAX_SPEED: "-1" };

/** What it costs to show a step that writes a million lines: drawing alone, and whole builds against the Go client. */
export const progress: readonly Bench[] = [draw("plain"), draw("tty"), show("plain"), show("tty")];

function draw(mode: Mode): Bench {
  const name = `draw-${mode}`;
  return {
    name,
    about: `the ${mode} display alone, 1,000,000 lines of output`,
    async run() {
      const costs: Cost[] = [];
      for (let i = 0; i < RUNS; i++) {
        costs.push(await measure(drawn(mode, process.execPath, [work("draw.mjs"), mode, `${LINES}`, "20"])));
      }
      const rssMb = Math.max(...costs.map((cost) => cost.rssMb));
      return [
        alone(
          { name, unit: "cpu s", rssMb },
          costs.map((cost) => cost.cpu),
        ),
      ];
    },
  };
}

function show(mode: Mode): Bench {
  const name = `show-${mode}`;
  return {
    name,
    about: `a build whose step writes 1,000,000 lines, shown by the ${mode} display (compare the CPU)`,
    async run() {
      await using stage = await setStage(linesContext, unlimited);
      const { daemon, context, dockerfile } = stage;
      const ours = ["--address", daemon.address, "--context", context, "--dockerfile", dockerfile];
      const go = await goClient();
      const theirs =
        go.name === "buildx"
          ? ["--builder", "bench", "build", "--no-cache", "--provenance=false", "-f", dockerfile]
          : ["--addr", daemon.address, "build", "--no-cache", "--frontend", "dockerfile.v0"].concat([
              "--local",
              `context=${context}`,
              "--local",
              `dockerfile=${path.dirname(dockerfile)}`,
            ]);
      const last = go.name === "buildx" ? [context] : [];
      return [
        await pairs({
          name,
          ours: () => measure(drawn(mode, process.execPath, [work("show.mjs"), ...ours, "--mode", mode])),
          theirs: () =>
            measure({
              ...drawn(mode, go.program, [...theirs, "--progress", mode, ...last]),
              env: goEnvironment(stage),
            }),
        }),
      ];
    },
  };
}

/** A context whose Dockerfile writes the lines, with a shell of its own: nothing is fetched. */
async function linesContext(folder: string): Promise<StageContents> {
  const { busybox } = await provideSets("busybox");
  const context = path.join(folder, "lines");
  await mkdir(context, { recursive: true });
  await cp(path.join(busybox.root, "bin/busybox"), path.join(context, "busybox"));
  const loop = `BEGIN { for (i = 1; i <= ${LINES}; i++) print "[" i "] gcc -O2 -Wall -o build/object-" i ".o" }`;
  const run = JSON.stringify(["/busybox", "awk", loop]);
  return { context, dockerfile: `FROM scratch\nCOPY busybox /busybox\nRUN ${run}\n` };
}

/** The command with its standard error in a file, or on a terminal of 100 by 40. */
function drawn(mode: Mode, command: string, args: readonly string[]): Command {
  if (mode === "plain")
    return { command: "bash", args: ["-c", 'exec "$@" 2>/dev/null', "bash", command, ...args] };
  const line = [command, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
  return { command: "script", args: ["-qec", `stty cols 100 rows 40; ${line}`, "/dev/null"] };
}

function work(name: string): string {
  return fileURLToPath(new URL(`../work/${name}`, import.meta.url));
}
