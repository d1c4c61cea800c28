import { writeFile } from "node:fs/promises";
import { type BuildRecordEvent, connect } from "@buildkit-node/control";
import type { SolveError } from "@buildkit-node/core";
import { mkfile, scratch } from "@buildkit-node/llb";
import { context, propagation, trace } from "@opentelemetry/api";
import { NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import { expect, it, onTestFinished } from "vitest";
import { workDirectory } from "../support/tools.ts";
import { describeEachDaemon } from "../support/ways.ts";

const graph = () => scratch().file(mkfile("/file", `${Date.now()} ${Math.random()}`));

describeEachDaemon("the history of builds", ({ address }) => {
  it("has a record of a build, which can be pinned and deleted", async () => {
    await using client = await connect(address);
    const { history } = client;
    const { ref } = await client.solve(graph());
    const record = await history.get(ref);
    expect(record).toMatchObject({ ref, frontend: "", pinned: false, steps: { total: 1, completed: 1 } });
    expect(record!.completed! - record!.created!).toBeGreaterThan(0);
    await history.pin(ref);
    expect((await history.get(ref))?.pinned).toBe(true);
    await history.pin(ref, false);
    expect((await history.list()).map((one) => one.ref)).toContain(ref);
    await history.delete(ref);
    expect(await history.get(ref)).toBeUndefined();
  });

  it("keeps why a build failed, and its provenance", async () => {
    await using client = await connect(address);
    const failing = client.start({ frontend: "no.such.frontend" });
    await failing.result.catch(() => {});
    expect((await client.history.get(failing.ref))?.error).toContain("no.such.frontend");

    const { ref } = await client.solve(graph());
    const statements = (await client.history.get(ref))?.results.get("")?.attestations ?? [];
    expect(statements.length).toBeGreaterThan(0);
    const statement = await client.history.read(statements[0]!);
    // The predicate: version 0.2 names the type of the build at the top, version 1 below its definition.
    expect(Buffer.from(statement).toString()).toContain('"buildType"');
  });

  it("tells of builds while they come and go", async () => {
    await using client = await connect(address);
    const build = client.start(graph());
    const kinds: BuildRecordEvent["kind"][] = [];
    for await (const { kind, record } of client.history.follow()) {
      if (record.ref !== build.ref) continue;
      kinds.push(kind);
      // A record is told of again when it changes after its build.
      if (kind === "completed" && kinds.indexOf("completed") === kinds.length - 1) {
        await client.history.delete(record.ref);
      }
      if (kind === "deleted") break;
    }
    expect(kinds[0]).toBe("started");
    expect(kinds).toContain("completed");
    expect(kinds.at(-1)).toBe("deleted");
  });

  it("keeps how a build failed, with all that its error had", async () => {
    await using work = await workDirectory();
    await writeFile(work.in("Dockerfile"), `FROM scratch\n# ${Math.random()}\nCOPY missing /there\n`);
    await using client = await connect(address);
    const failing = client.startDockerfile({ context: work.path });
    const thrown = (await failing.result.catch((error: unknown) => error)) as SolveError;
    const recorded = await client.history.error(failing.ref);
    expect(recorded).toMatchObject({ ref: failing.ref, text: thrown.text });
    // What the history keeps of an error is the text alone before BuildKit 0.15.
    if (recorded?.detailsMissing === false) expect(recorded.format()).toBe(thrown.format());
    const { ref } = await client.solve(graph());
    expect(await client.history.error(ref)).toBeUndefined();
    expect(await client.history.error("nosuchbuild")).toBeUndefined();
  });

  it("reads the spans of a build, and its provenance", async () => {
    await using client = await connect(address);
    const { ref } = await client.solve(graph());
    const [provenance] = (await client.history.provenance(ref)).values();
    expect(provenance?.predicateType).toMatch(/^https:\/\/slsa.dev\/provenance\/v/);
    // Daemons before BuildKit 0.15 finalize a record by themselves, some seconds after the build.
    await client.history.finalize(ref);
    await expect.poll(() => client.history.trace(ref), { timeout: 15_000 }).toBeDefined();
    const spans = (await client.history.trace(ref)) ?? [];
    const record = await client.history.get(ref);
    const step = spans.find(({ name }) => name === "mkfile /file");
    expect(step?.attributes["vertex"]).toMatch(/^sha256:/);
    expect(step!.end - step!.start).toBeGreaterThan(0);
    expect(Math.abs(step!.start - record!.created!)).toBeLessThan(60_000);
    expect(step?.resource["service.name"]).toMatch(/dockerd|buildkitd|moby/);
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
    const ids = new Set(spans.map(({ spanId }) => spanId));
    expect(ids.has(step!.parentSpanId!)).toBe(true);
  });

  it("has the daemon's spans in the caller's trace, where the program has OpenTelemetry", async () => {
    const provider = new NodeTracerProvider();
    provider.register();
    onTestFinished(async () => {
      for (const api of [trace, context, propagation]) api.disable();
      await provider.shutdown();
    });
    await using client = await connect(address);
    const build = (name: string) =>
      trace.getTracer("test").startActiveSpan(name, async (span) => {
        const { ref } = await client.solve(graph());
        span.end();
        return { ref, ...span.spanContext() };
      });
    // At the same time on one connection, each belongs to its own trace.
    const builds = await Promise.all([build("one"), build("other")]);
    for (const { ref, traceId, spanId } of builds) {
      await client.history.finalize(ref);
      await expect.poll(() => client.history.trace(ref), { timeout: 15_000 }).toBeDefined();
      const spans = (await client.history.trace(ref)) ?? [];
      expect(new Set(spans.map((each) => each.traceId))).toEqual(new Set([traceId]));
      expect(spans.map((each) => each.parentSpanId)).toContain(spanId);
    }
    const untraced = await client.solve(graph());
    await client.history.finalize(untraced.ref);
    await expect.poll(() => client.history.trace(untraced.ref), { timeout: 15_000 }).toBeDefined();
    const [first] = (await client.history.trace(untraced.ref)) ?? [];
    expect(builds.map(({ traceId }) => traceId)).not.toContain(first?.traceId);
  });

  it("gives the newest builds, and those that a text describes", async () => {
    await using client = await connect(address);
    const { ref } = await client.solve(graph());
    expect(
      (await client.history.list({ filters: [`ref==${ref},startedAt>1h`] })).map((one) => one.ref),
    ).toEqual([ref]);
    expect(await client.history.list({ limit: 2 })).toHaveLength(2);
    await expect(client.history.list({ filters: ["status=error"] })).rejects.toThrow("is no condition");
    await expect(client.history.list({ limit: 0 })).rejects.toThrow("limit is 0");
  });

  it("finds builds by conditions, also while a record is being deleted", async () => {
    await using client = await connect(address);
    const deleted = await client.solve(graph());
    await client.history.delete(deleted.ref);
    const { ref } = await client.solve(graph());
    const found = async (filters: Parameters<typeof client.history.list>[0]) =>
      (await client.history.list(filters)).map((record) => record.ref);
    expect(await found({ filters: [{ ref }] })).toEqual([ref]);
    expect(await found({ filters: [{ ref, status: "error" }] })).toEqual([]);
    expect(await found({ filters: [{ ref, completedAfter: Date.now() - 60_000 }] })).toEqual([ref]);
    expect(await found({ filters: [{ ref, longerThanMs: 600_000 }] })).toEqual([]);
  });

  it("has none of an internal build", async () => {
    await using client = await connect(address);
    const { ref } = await client.solve(graph(), { internal: true });
    expect(await client.history.get(ref)).toBeUndefined();
  });
});
