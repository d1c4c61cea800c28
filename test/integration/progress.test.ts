import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { PassThrough } from "node:stream";
import type { BuildRecord } from "@buildkit-node/control";
import type { StatusUpdate } from "@buildkit-node/core";
import { connect, display, llb, SolveError } from "buildkit-node";
import { BuildModel, compareBuilds, readRecording, summarize, timingPage } from "buildkit-node/progress";
import { afterEach, beforeEach, expect, it } from "vitest";
import { goClient } from "../support/go-client.ts";
import { toolsDirectory } from "../support/tools.ts";
import { describeEachDaemon } from "../support/ways.ts";

/** What a step says, in pieces; no daemon has it from another run. */
const talk = `: ${randomUUID()}; echo first; echo second; printf third`;

let context: string;
beforeEach(async () => {
  context = await mkdtemp(path.join(tmpdir(), "progress-"));
});
afterEach(() => rm(context, { recursive: true }));

describeEachDaemon("progress", (way) => {
  it("shows a failed build in plain lines, with the line of the Dockerfile", async () => {
    await writeFile(path.join(context, "Dockerfile"), "FROM scratch\nCOPY . /all\nCOPY missing /\n");
    await using client = await connect(way.address);
    const stream = capture();
    const build = client.solveDockerfile({ context, progress: display("plain", { stream, env: {} }) });
    await expect(build).rejects.toBeInstanceOf(SolveError);

    const lines = stream.text().split("\n");
    expect(lines[0]).toBe("#1 [internal] load build definition from Dockerfile");
    expect(lines).toContainEqual(
      expect.stringMatching(/^#1 transferring dockerfile: \d+B( \d+\.\ds)? done$/),
    );
    expect(lines).toContainEqual(expect.stringMatching(/^#\d+ ERROR: .*missing.* not found/));
    expect(lines).toContain("   3 | >>> COPY missing /");
  });

  it("that breaks is shown no more, and the build goes on", async () => {
    await using client = await connect(way.address);
    let calls = 0;
    const broken = () => {
      calls++;
      throw new Error("the terminal is gone");
    };
    const progress = { attach: () => ({ update: broken, end: async () => broken() }) };
    const graph = llb.scratch().file(llb.mkfile("/file", `${Math.random()}`));
    await client.solve(graph, { progress });
    expect(calls).toBe(1);
    await expect(client.solve(graph.file(llb.rm("/none")), { progress })).rejects.toMatchObject({
      vertex: { name: expect.stringContaining("none") },
    });
    expect(calls).toBe(2);
  });

  it("records what other readers of the build are told", async () => {
    await using client = await connect(way.address);
    const stream = capture();
    const graph = Array.from({ length: 5 }, (_, i) => i).reduce(
      (state, i) => state.file(llb.mkfile(`/${i}`, `${Math.random()}`)),
      llb.scratch(),
    );
    const definition = llb.marshal(graph, { platform: "linux/amd64" });
    const build = client.start(definition, { progress: display("rawjson", { stream }) });
    const told = new Map<string, object>();
    for await (const event of build.events()) {
      if (event.kind !== "vertex") continue;
      const { digest, name, inputs, cached, error } = event.vertex;
      told.set(digest, { name, inputs, cached, error });
    }
    await build.result;

    const model = new BuildModel();
    for await (const update of readRecording([stream.text()])) model.apply(update);
    const recorded = [...model.vertices].map(({ digest, name, inputs, error, state }) => {
      return [digest, { name, inputs, cached: state === "cached", error }] as const;
    });
    expect(recorded).toHaveLength(5);
    expect(new Map(recorded)).toEqual(told);
    expect(model.totals).toMatchObject({ steps: 5, completed: 5, failed: 0 });
  });

  it("tells of a build as the Go client does, which ran it", async () => {
    await writeFile(path.join(context, "Dockerfile"), "FROM scratch\nCOPY missing /\n");
    await toolsDirectory(context);
    await writeFile(
      path.join(context, "good.Dockerfile"),
      `FROM scratch\nCOPY tools /\nRUN ["/busybox", "sh", "-c", ${JSON.stringify(talk)}]\n`,
    );
    await using client = await connect(way.address);
    const go = await goClient(way.address, context);
    const logs: string[] = [];
    for (const file of ["good.Dockerfile", "good.Dockerfile", "Dockerfile"]) {
      const args = [
        "--progress",
        "rawjson",
        "--output",
        "type=cacheonly",
        "-f",
        path.join(context, file),
        context,
      ];
      const printed = file === "Dockerfile" ? failure(() => go.build(...args)) : go.build(...args);
      const recording = printed
        .split("\n")
        .filter((line) => line.startsWith("{"))
        .join("\n");
      const theirs = await finalStates(readRecording([recording]));
      const ref = newest(await client.history.list())?.ref ?? "";
      const ours = await finalStates(client.history.updates(ref));
      // What buildx adds of its own is not the daemon's.
      const known = new Set(ours.map(([digest]) => digest));
      expect(ours).toEqual(theirs.filter(([digest]) => known.has(digest)));
      expect(known.size).toBeGreaterThan(2);
      logs.push(...ours.map(([, { log }]) => log).filter((log) => log !== ""));
    }
    // Of the two good builds, the second ran nothing.
    expect(logs).toEqual(["first\nsecond\nthird"]);
  });

  it("tells from the history what ran that had been cached, and why", async () => {
    await writeFile(path.join(context, "Dockerfile"), "FROM scratch\nCOPY data /\nCOPY . /all\n");
    await using client = await connect(way.address);
    const models: BuildModel[] = [];
    const mark = randomUUID();
    for (const data of ["one", "one", "another"]) {
      await writeFile(path.join(context, "data"), `${data} ${mark}`);
      const build = client.startDockerfile({ context });
      await build.result;
      const model = new BuildModel();
      for await (const update of client.history.updates(build.ref)) model.apply(update);
      model.finish();
      models.push(model);
    }
    const [, before, after] = models as [BuildModel, BuildModel, BuildModel];
    expect(summarize(before).cachedShare).toBe(1);
    const { misses } = compareBuilds(before, after);
    expect(misses.map(({ step, reason }) => [step.name, reason.kind])).toEqual([
      ["[1/2] COPY data /", "files"],
      ["[2/2] COPY . /all", "input"],
    ]);
    const page = timingPage(after, { before });
    expect(page).toContain("[1/2] COPY data /");
    expect(page).not.toContain("<script");
  });

  it("shows builds at the same time, and why one fails", async () => {
    await writeFile(path.join(context, "Dockerfile"), "FROM scratch\nCOPY . /\n");
    await writeFile(path.join(context, "broken.Dockerfile"), "FROM scratch\nCOPY missing /\n");
    await using client = await connect(way.address);
    const stream = Object.assign(capture(), { isTTY: true, columns: 100, rows: 30 });
    const progress = display("tty", { stream, env: { NO_COLOR: "1" } });
    const results = await Promise.allSettled([
      client.solveDockerfile({ context, progress, name: "good" }),
      client.solveDockerfile({
        context,
        dockerfile: path.join(context, "broken.Dockerfile"),
        progress,
        name: "broken",
      }),
    ]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    expect(stream.text()).toMatch(/\[\+\] Building good \d+\.\ds \((\d+)\/\1\) FINISHED/);
    expect(stream.text()).toMatch(/\[\+\] Building broken \d+\.\ds \(\d+\/\d+\) ERROR/);
    expect(stream.text()).toContain("   2 | >>> COPY missing /");
    expect(stream.listenerCount("resize")).toBe(0);
  });
});

function newest(records: readonly BuildRecord[]): BuildRecord | undefined {
  return records.reduce<BuildRecord | undefined>(
    (latest, record) => ((record.created ?? 0) > (latest?.created ?? 0) ? record : latest),
    undefined,
  );
}

/** What is left of each vertex in the end, by digest. */
async function finalStates(updates: AsyncIterable<StatusUpdate>) {
  const model = new BuildModel();
  const logs = new Map<string, Buffer[]>();
  for await (const update of updates) {
    model.apply(update);
    for (const { vertex, data } of update.logs)
      logs.set(vertex, [...(logs.get(vertex) ?? []), Buffer.from(data)]);
  }
  const states = [...model.vertices].map(({ digest, name, inputs, error, state }) => {
    const log = Buffer.concat(logs.get(digest) ?? []).toString();
    return [digest, { name, inputs: [...inputs].sort(), cached: state === "cached", error, log }] as const;
  });
  return states.sort(([a], [b]) => (a < b ? -1 : 1));
}

/** What a program that fails has printed. */
function failure(run: () => string): string {
  try {
    run();
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
  throw new Error("the build succeeded");
}

function capture(): PassThrough & { text(): string } {
  const chunks: Buffer[] = [];
  const stream = new PassThrough();
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  return Object.assign(stream, { text: () => Buffer.concat(chunks).toString() });
}
