// 1,000 builds in one process in a row, each with a session, an upload of 50 files and a local export: what does the
// process hold on to? Run with --expose-gc; BUILDKIT_HOST or the machine's daemon is used, else a private engine.
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { Scope } from "@buildkit-node/core";
import { connect, llb, local } from "buildkit-node";
import { startEngine } from "../../scripts/debian/engines.ts";

const { values } = parseArgs({ options: { count: { type: "string", default: "1000" } } });
const count = Number(values.count);
const collect = globalThis.gc;
if (collect === undefined) throw new Error("run with --expose-gc");

interface Reading {
  readonly solves: number;
  readonly heapBytes: number;
  readonly handles: readonly string[];
  readonly temporary: readonly string[];
}

const readings: Reading[] = [];
{
  await using scope = new Scope();
  const folder = await mkdtemp(path.join(os.tmpdir(), "soak-"));
  scope.defer(() => rm(folder, { recursive: true }));
  const given = process.env["BUILDKIT_HOST"] ?? "";
  const address = given === "" ? scope.use(await startEngine("testing")).address : given;
  const context = path.join(folder, "context");
  const temporaryBefore = new Set(await readdir(os.tmpdir()));
  const client = scope.use(await connect(address));
  for (let i = 1; i <= count; i++) {
    await fill(context, i);
    await build(client, context, path.join(folder, "dest"), i);
    if (i % 100 === 0) {
      readings.push(await reading(i, temporaryBefore, collect));
      report(readings.at(-1) as Reading);
    }
  }
}
await idle();
verdict();

/** Fifty small files, of which the content of each changes with every build. */
async function fill(context: string, round: number): Promise<void> {
  await mkdir(context, { recursive: true });
  for (let i = 0; i < 50; i++) await writeFile(path.join(context, `file-${i}`), `${round} ${i}\n`.repeat(20));
}

async function build(
  client: Awaited<ReturnType<typeof connect>>,
  context: string,
  dest: string,
  round: number,
): Promise<void> {
  await rm(dest, { recursive: true, force: true });
  const state = llb.scratch().file(llb.copy(llb.local("context"), "/", "/"));
  await client.solve(state, { locals: { context }, exports: [local({ dest })], internal: true });
  const names = await readdir(dest);
  if (names.length !== 50) throw new Error(`build ${round} brought ${names.length} files home`);
}

async function reading(solves: number, before: ReadonlySet<string>, gc: NodeJS.GCFunction): Promise<Reading> {
  const now = await readdir(os.tmpdir());
  // Finalizers run between collections.
  for (let i = 0; i < 3; i++) {
    gc();
    await idle();
  }
  gc();
  return {
    solves,
    heapBytes: process.memoryUsage().heapUsed,
    handles: process.getActiveResourcesInfo().sort(),
    temporary: now.filter((name) => !before.has(name) && name.startsWith("buildkit")),
  };
}

/** Lets what has just ended be forgotten: a file call counts as a handle until its callback has returned. */
async function idle(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 50));
}

function report({ solves, heapBytes, handles, temporary }: Reading): void {
  const heap = (heapBytes / 1e6).toFixed(2);
  console.log(
    `${String(solves).padStart(6)} solves: heap ${heap} MB, ${handles.length} handles (${[...new Set(handles)].join(", ")}), ${temporary.length} temporary files`,
  );
}

function verdict(): void {
  const [first] = readings;
  const last = readings.at(-1);
  if (first === undefined || last === undefined) throw new Error("too few builds to tell anything");
  const growth = last.heapBytes / first.heapBytes - 1;
  const open = process.getActiveResourcesInfo().filter((name) => !["TTYWrap", "PipeWrap"].includes(name));
  console.log(`heap between the ${first.solves}th and the last: ${(growth * 100).toFixed(1)} %`);
  console.log(`open after the client was closed: ${open.length === 0 ? "nothing" : open.join(", ")}`);
  const grown = last.handles.length > first.handles.length || last.temporary.length > 0;
  if (growth > 0.05 || grown || open.length > 0) {
    console.log("FAILED: the process holds on to something");
    process.exitCode = 1;
  }
}
