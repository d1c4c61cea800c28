import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect as connectSocket } from "node:net";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { create, toBinary } from "@bufbuild/protobuf";
import { randomId } from "@buildkit-node/core";
import { type Definition, marshal, mkfile, scratch } from "@buildkit-node/llb";
import { SolveRequestSchema } from "@buildkit-node/proto/control";
import { frameMessage } from "@buildkit-node/transport/internal";
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
  { name: "cold-graph", about: "a cached graph from a cold process, against `node -e 0`", run: coldGraph },
  {
    name: "cold-dockerfile",
    about: "a cached Dockerfile from a cold process, against the Go client",
    run: coldDockerfile,
  },
  { name: "solve", about: "a cached solve on an open connection, against raw HTTP/2", run: openSolve },
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
  const args = [work("solve.mjs"), daemon.address];
  return [
    await pairs({
      name: "cold-graph",
      ours: () => measure({ command: process.execPath, args }),
      theirs: empty,
    }),
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

const rounds = 60;

async function openSolve() {
  await using daemon = await benchDaemon();
  await using client = await connect(daemon.address);
  const definition = graph();
  const session = connectHttp2("http://localhost", {
    createConnection: () => connectSocket(daemon.address.replace("unix://", "")),
  });
  try {
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = -10; round < rounds; round++) {
      const mine = await seconds(() => client.solve(definition));
      const raw = await seconds(() => rawSolve(session, definition));
      if (round < 0) continue;
      ours.push(mine);
      theirs.push(raw);
    }
    const ratio = median(theirs) / median(ours);
    return [{ ...alone({ name: "solve", unit: "s" }, ours), theirs: median(theirs), ratio }];
  } finally {
    session.destroy();
  }
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

/** What any client has to do at least: one call, its answer taken unread. */
function rawSolve(session: ClientHttp2Session, { ops }: Definition): Promise<void> {
  const request = create(SolveRequestSchema, { Ref: randomId(), Definition: { def: [...ops] } });
  const stream = session.request({
    ":method": "POST",
    ":path": "/moby.buildkit.v1.Control/Solve",
    "content-type": "application/grpc",
    te: "trailers",
  });
  stream.end(frameMessage(toBinary(SolveRequestSchema, request)));
  return new Promise((resolve, reject) => {
    stream.once("error", reject).once("trailers", ({ "grpc-status": status }) => {
      if (status === "0") resolve();
      else reject(new Error(`the solve ended with status ${String(status)}`));
    });
    stream.resume();
  });
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

function work(name: string): string {
  return fileURLToPath(new URL(`../work/${name}`, import.meta.url));
}
