import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { type Definition, marshal, mkfile, scratch } from "@buildkit-node/llb";
import { connect } from "buildkit-node";
import { benchDaemon } from "../bench-daemon.ts";
import { measure } from "../measure.ts";
import { alone, type Bench, median, pairs } from "../row.ts";
import { build, goBuild, setStage } from "./dockerfile-build.ts";

/** What a caller waits for besides the daemon's work: everything here is cached. */
export const control: readonly Bench[] = [
  {
    name: "import",
    about: "loading the umbrella: whole process against `node -e 0`, and files",
    run: importRows,
  },
  {
    name: "cold-graph",
    about: "a cached graph from a cold process, and by node:http2 alone, against `node -e 0`",
    run: coldGraph,
  },
  {
    name: "cold-dockerfile",
    about: "a cached Dockerfile from a cold process, against the Go client",
    run: coldDockerfile,
  },
  {
    name: "solve",
    about: "a cached solve on an open connection, against Solve and Status by node:http2 alone",
    run: openSolve,
  },
  { name: "solve-200", about: "200 cached solves at once on one connection", run: manySolves },
];

const empty = () => measure({ command: process.execPath, args: ["-e", "0"] });

async function importRows() {
  const args = [work("import.mjs")];
  const row = await pairs({
    name: "import",
    ours: () => measure({ command: process.execPath, args }),
    theirs: empty,
  });
  return [row, alone({ name: "import", unit: "files" }, [await filesLoadedBy(args)])];
}

/** How many files a program loads: V8 writes down each that it has compiled. */
async function filesLoadedBy(args: readonly string[]): Promise<number> {
  const folder = await mkdtemp("/dev/shm/buildkit-bench-");
  try {
    await measure({ command: process.execPath, args, env: { NODE_V8_COVERAGE: folder } });
    const [report = ""] = await readdir(folder);
    const { result } = JSON.parse(await readFile(path.join(folder, report), "utf8"));
    return result.filter(({ url }: { url: string }) => url.startsWith("file:")).length;
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function coldGraph() {
  await using daemon = await benchDaemon();
  const definition = Buffer.from(graph().toBytes()).toString("base64");
  const against = (name: string, args: readonly string[]) =>
    pairs({
      name,
      ours: () => measure({ command: process.execPath, args: [...args] }),
      theirs: empty,
    });
  return [
    await against("cold-graph", [work("solve.mjs"), daemon.address]),
    await against("cold-graph-floor", [work("raw-solve.mjs"), daemon.address, definition]),
  ];
}

async function coldDockerfile() {
  await using stage = await setStage(async (folder) => {
    const context = path.join(folder, "context");
    await mkdir(context);
    await writeFile(path.join(context, "file"), "");
    return { context, dockerfile: "FROM scratch\nCOPY file /\n" };
  });
  return [
    await pairs({
      name: "cold-dockerfile",
      ours: () => build(stage, undefined),
      theirs: () => goBuild(stage, undefined),
    }),
  ];
}

/** A block's figures are medians, and the row's are medians of blocks: a single solve takes what the daemon's moment takes. */
const blockRounds = 20;

async function openSolve() {
  await using daemon = await benchDaemon();
  const { stdout } = await measure({
    command: process.execPath,
    args: [work("open-solves.mjs"), daemon.address],
  });
  const { ours, theirs }: Readonly<Record<"ours" | "theirs", readonly number[]>> = JSON.parse(stdout);
  const blocks = Array.from({ length: Math.floor(ours.length / blockRounds) }, (_, block) => {
    const [from, to] = [block * blockRounds, (block + 1) * blockRounds];
    return { ours: median(ours.slice(from, to)), theirs: median(theirs.slice(from, to)) };
  });
  const ratios = alone(
    { name: "solve", unit: "s" },
    blocks.map((block) => block.theirs / block.ours),
  );
  return [
    {
      ...ratios,
      ours: median(blocks.map((block) => block.ours)),
      theirs: median(blocks.map((block) => block.theirs)),
      ratio: ratios.ours,
    },
  ];
}

async function manySolves() {
  await using daemon = await benchDaemon();
  await using client = await connect(daemon.address);
  const definition = graph();
  const figures: number[] = [];
  for (let round = 0; round < 4; round++) {
    const once = () => client.solve(definition);
    figures.push(await seconds(() => Promise.all(Array.from({ length: 200 }, once))));
  }
  return [alone({ name: "solve-200", unit: "s" }, figures.slice(1))];
}

function graph(): Definition {
  return marshal(scratch().file(mkfile("/file", "bench")), { platform: "linux/amd64" });
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

function work(name: string): string {
  return fileURLToPath(new URL(`../work/${name}`, import.meta.url));
}
