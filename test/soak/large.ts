// A context and an image of 400 MB and of 4 GB through a daemon, and the image into a private Docker Engine, each in a
// process of its own: the peak of its memory must not grow with the size. Takes 30 GB of disk for a while. The daemon is
// that of BUILDKIT_HOST, or a private engine, too.
import { mkdir, mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Scope } from "@buildkit-node/core";
import { connect } from "buildkit-node";
import { type Cost, measure } from "../../bench/measure.ts";
import { startEngine } from "../../scripts/debian/engines.ts";

const program = fileURLToPath(new URL("../../bench/work/build.mjs", import.meta.url));
const megabytes = [400, 4000] as const;
/** What the larger may take more than the smaller: heaps differ from run to run. */
const slackMb = 40;

const peaks = new Map<string, number[]>();
{
  await using scope = new Scope();
  const folder = await mkdtemp(path.join(os.tmpdir(), "soak-"));
  scope.defer(() => rm(folder, { recursive: true }));
  const given = process.env["BUILDKIT_HOST"] ?? "";
  const address = given === "" ? scope.use(await startEngine("testing")).address : given;
  const engine = scope.use(await startEngine("testing")).address;
  for (const size of megabytes) {
    const context = await contextOf(folder, size);
    const dest = path.join(folder, "image.tar");
    const build = (...exports: readonly unknown[]) => {
      const paths = ["--context", context, "--dockerfile", path.join(context, "Dockerfile")];
      const args = [program, "--address", address, ...paths, "--solve", JSON.stringify({ exports })];
      return measure({ command: process.execPath, args });
    };
    report("upload", size, await build());
    // A hole compresses to nothing.
    const compression = "uncompressed";
    report("oci", size, await build(["oci", { dest, compression }]));
    report("load", size, await build(["dockerLoad", { engine, tags: `soak:${size}`, compression }]));
    await rm(dest);
    await rm(context, { recursive: true });
    await using client = await connect(address);
    await client.prune({ all: true });
  }
}
for (const [what, [small = 0, large = 0]] of peaks) {
  if (large <= small + slackMb) continue;
  console.error(`${what}: the peak grew from ${small.toFixed(0)} to ${large.toFixed(0)} MB`);
  process.exitCode = 1;
}

/** One file with a hole in it: it takes no room here, and is sent whole. */
async function contextOf(folder: string, size: number): Promise<string> {
  const context = path.join(folder, `context-${size}`);
  await mkdir(context);
  await writeFile(path.join(context, "Dockerfile"), "FROM scratch\nCOPY large.bin /\n");
  await writeFile(path.join(context, "large.bin"), "");
  await truncate(path.join(context, "large.bin"), size * 1e6);
  return context;
}

function report(what: string, size: number, { seconds, cpu, rssMb }: Cost): void {
  peaks.set(what, [...(peaks.get(what) ?? []), rssMb]);
  const figures = { seconds: seconds.toFixed(1), cpu: cpu.toFixed(1), peakMb: rssMb.toFixed(0) };
  console.log(JSON.stringify({ what, megabytes: size, ...figures }));
}
