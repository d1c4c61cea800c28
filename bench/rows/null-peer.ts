import { mkdtemp, rm } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { measure } from "../measure.ts";
import type { NullPeerResult, Scenario } from "../null-peer/scenario.ts";
import { alone, type Bench, median, type Row } from "../row.ts";
import { largeTree, manyTree } from "../trees.ts";

const program = fileURLToPath(new URL("../null-peer/main.ts", import.meta.url));

/** Counted runs of each row, after one that is not counted. */
const runs = 7;

/** Our own share of the work: the other side is a process that only speaks the protocol. */
export const nullPeer: readonly Bench[] = [
  bench("null-upload-large", "upload of one file of 512 MB to a null peer", {
    kind: "upload",
    files: 1,
    fileBytes: 512 << 20,
  }),
  bench("null-upload-many", "upload of 20,000 files of 2 kB to a null peer", {
    kind: "upload",
    files: 20_000,
    fileBytes: 2000,
  }),
  bench("null-export-bytes", "tar stream of 512 MB from a null peer", {
    kind: "export-bytes",
    files: 1,
    fileBytes: 512 << 20,
  }),
  bench("null-export-many", "local export of 20,000 files of 2 kB from a null peer", {
    kind: "export-tree",
    files: 20_000,
    fileBytes: 2000,
  }),
];

function bench(name: string, about: string, scenario: Scenario): Bench {
  return {
    name,
    about,
    async run() {
      const folder = await mkdtemp("/dev/shm/buildkit-bench-");
      try {
        const results: NullPeerResult[] = [];
        for (let i = 0; i <= runs; i++) results.push(await one(scenario, folder));
        return [row(name, scenario, results.slice(1))];
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}

async function one(scenario: Scenario, folder: string): Promise<NullPeerResult> {
  const { stdout } = await measure({
    command: process.execPath,
    args: [
      ...["--conditions=@buildkit-node/source", "--import", "tsx", program],
      ...[JSON.stringify(scenario), await placeOf(scenario, folder)],
    ],
  });
  return JSON.parse(stdout);
}

async function placeOf(scenario: Scenario, folder: string): Promise<string> {
  if (scenario.kind === "upload") return scenario.files === 1 ? largeTree(folder) : manyTree(folder);
  const dest = path.join(folder, "dest");
  await rm(dest, { recursive: true, force: true });
  return dest;
}

/** Large scenarios in bytes a second, the others in files a second. */
function row(name: string, { files }: Scenario, results: readonly NullPeerResult[]): Row {
  const large = files === 1;
  const rates = results.map(({ bytes, files: moved, seconds }) => (large ? bytes / 1e6 : moved) / seconds);
  return alone(
    {
      name,
      unit: large ? "MB/s" : "files/s",
      cpu: median(results.map(({ cpuSeconds }) => cpuSeconds)),
      rssMb: Math.max(...results.map(({ peakRssBytes }) => peakRssBytes / 1e6)),
    },
    rates,
  );
}
