import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { connect, hasCapability } from "@buildkit-node/control";
import { SolveError } from "@buildkit-node/core";
import { dockerLoad, local, oci, tar } from "@buildkit-node/exporters";
import { copy, local as localSource, merge, mkfile, scratch } from "@buildkit-node/llb";
import { expect, inject, it } from "vitest";
import { engineApi } from "../support/engine-api.ts";
import { startRegistry } from "../support/registry.ts";
import { putTestImage } from "../support/test-image.ts";
import { shell, toolsDirectory, toolsRoot, workDirectory } from "../support/tools.ts";
import { describeEachDaemon, type Way } from "../support/ways.ts";

// What must do on Docker Engines that keep their images in a graph driver, and on one with BuildKit 0.8.

const fresh = () => `${Date.now()} ${Math.random()}`;
const graph = () => scratch().file(mkfile("/file", fresh()));

async function failureOf(running: Promise<unknown>): Promise<unknown> {
  return running.then(
    () => new Error("it succeeded"),
    (error: unknown) => error,
  );
}

/** An engine of 2021, which has nothing that came later. */
const isOldest = ({ daemon }: Way) => daemon === "oldest";

describeEachDaemon("the basics", (way) => {
  const { address } = way;

  it("builds, with files sent there and brought home", async () => {
    await using work = await workDirectory();
    const tools = await toolsDirectory(work.path);
    await writeFile(work.in("greeting"), fresh());
    await using client = await connect(address);
    const state = toolsRoot()
      .run(shell("busybox uname -s > /system"))
      .file(copy(localSource("context", { include: ["greeting"] }), "greeting", "/greeting"));
    const locals = { tools, context: work.path };
    const result = await client.solve(state, { locals, exports: [local({ dest: work.in("out") })] });
    expect(result.exports[0].dest).toBe(work.in("out"));
    expect(await readFile(work.in("out", "system"), "utf8")).toBe("Linux\n");
    expect(await readFile(work.in("out", "greeting"))).toEqual(await readFile(work.in("greeting")));
    await client.solve(graph(), { exports: [tar({ dest: work.in("out.tar") })] });
    expect((await readFile(work.in("out.tar"))).includes("file")).toBe(true);
  });

  it("shares a session between builds whose results come home one after the other", async () => {
    await using work = await workDirectory();
    await writeFile(work.in("greeting"), fresh());
    await using client = await connect(address);
    await using session = await client.openSession({ locals: { context: work.path } });
    for (const name of ["one", "two"]) {
      const copied = scratch().file(copy(localSource("context", { include: ["greeting"] }), "greeting", "/"));
      const dest = work.in("out", name);
      await client.solve(copied.file(mkfile("/name", name)), { session, exports: [local({ dest })] });
      expect(await readFile(`${dest}/name`, "utf8")).toBe(name);
      expect(await readFile(`${dest}/greeting`)).toEqual(await readFile(work.in("greeting")));
    }
  });

  it("refuses a result of a shared session that may be another build's, and spoils no other", async (context) => {
    if (!isOldest(way)) context.skip("the daemon says which build a result is of");
    await using work = await workDirectory();
    await using client = await connect(address);
    await using session = await client.openSession({ locals: { tools: await toolsDirectory(work.path) } });
    const slow = client.start(toolsRoot().run(shell(`echo ${fresh()}; sleep 4; echo made > /made`)), {
      session,
      exports: [local({ dest: work.in("slow") })],
    });
    for await (const event of slow.events()) if (event.kind === "log") break;
    const refused = await failureOf(
      client.solve(graph(), { session, exports: [local({ dest: work.in("quick") })] }),
    );
    expect(refused).toMatchObject({
      code: "ERR_BUILDKIT_UNSUPPORTED",
      capability: "baggage",
      message: expect.stringContaining("one after the other"),
    });
    await slow.result;
    expect(await readFile(work.in("slow", "made"), "utf8")).toBe("made\n");
    expect(existsSync(work.in("quick"))).toBe(false);
  });

  it("builds Dockerfiles, and says what is wrong with one", async () => {
    await using work = await workDirectory();
    const tools = await toolsDirectory(work.path);
    await using client = await connect(address);
    const lines = ["FROM scratch", "COPY busybox /bin/sh", `RUN echo ${fresh()}`];
    await writeFile(`${tools}/Dockerfile`, lines.join("\n"));
    await client.solveDockerfile({ context: tools });
    await writeFile(`${tools}/Dockerfile`, [...lines, "COPY missing /x"].join("\n"));
    const error = await failureOf(client.solveDockerfile({ context: tools }));
    expect(error).toBeInstanceOf(SolveError);
    const text = (error as SolveError).format();
    expect(text).toContain("COPY missing /x");
    expect(text).toContain('"/missing"');
    // BuildKit 0.8 does not say which line it is.
    if (!isOldest(way)) expect(text).toContain("Dockerfile:4");
  });

  it("tells of a step that fails, while it runs and afterwards", async () => {
    await using work = await workDirectory();
    const tools = await toolsDirectory(work.path);
    await using client = await connect(address);
    const step = shell(`echo before ${fresh()}; exit 7`);
    const build = client.start(toolsRoot().run(step), { locals: { tools } });
    const said: string[] = [];
    for await (const event of build.events()) {
      if (event.kind === "log") said.push(Buffer.from(event.log.data).toString());
    }
    expect(said.join("")).toContain("before");
    const error = (await failureOf(build.result)) as SolveError;
    expect(error.logs.join()).toContain("before");
    expect(error.text).toContain("exit code: 7");
    if (!isOldest(way)) expect(error.exitCode).toBe(7);
  });

  it("cancels a step that runs", async () => {
    await using work = await workDirectory();
    const tools = await toolsDirectory(work.path);
    await using client = await connect(address);
    const build = client.start(toolsRoot().run(shell(`echo ${fresh()}; sleep 60`)), { locals: { tools } });
    for await (const event of build.events()) if (event.kind === "log") break;
    const reason = new Error("enough");
    const started = performance.now();
    await build.cancel(reason);
    await expect(build.result).rejects.toBe(reason);
    expect(performance.now() - started).toBeLessThan(10_000);
    await client.solve(graph());
  });

  it("keeps an error of 200 kB away from other builds", async () => {
    await using work = await workDirectory();
    const padding = `# ${"x".repeat(98)}\n`.repeat(2000);
    await writeFile(work.in("Dockerfile"), `FROM scratch\n# ${fresh()}\nNONSENSE here\n${padding}`);
    await using client = await connect(address);
    const failing = client.startDockerfile({ context: work.path });
    await client.solve(graph());
    expect(String(await failureOf(failing.result))).toContain("NONSENSE");
    await client.solve(graph());
  });

  it("refuses what the engine cannot do, with the engine's reason", async () => {
    await using work = await workDirectory();
    await using client = await connect(address);
    const capabilities = await client.capabilities();
    expect(hasCapability(capabilities, "mergeop")).toBe(false);
    const merged = await failureOf(client.solve(merge([graph(), graph()])));
    expect(String(merged)).toContain(
      isOldest(way) ? "mergeop" : "only enabled with containerd image store backend",
    );
    const image = await failureOf(client.solve(graph(), { exports: [oci({ dest: work.in("oci.tar") })] }));
    expect((image as SolveError).format()).toContain("only with its containerd image store");
  });

  it("leaves an image in the engine, which runs it", async (context) => {
    const own = inject("ways").find(
      (one) => one.daemon === way.daemon && one.address.startsWith("docker://"),
    );
    if (own === undefined) return context.skip("the daemon is no Docker Engine");
    await using work = await workDirectory();
    await using client = await connect(own.address);
    const engine = engineApi(own.address);
    const tags = `basics:t${Date.now()}`;
    const config = { Cmd: ["/bin/busybox", "cat", "/greeting"], Env: ["A=b"] };
    const state = toolsRoot().file(mkfile("/greeting", fresh()));
    const locals = { tools: await toolsDirectory(work.path) };
    const load = dockerLoad({ engine: own.address, tags, config });
    const { exports } = await client.solve(state, { locals, exports: [load] });
    expect(exports[0]).toMatchObject({ how: "stored", sentBytes: 0 });
    expect(Number.parseInt(await engine.run(tags), 10)).toBeGreaterThan(1e12);
    await engine.remove(tags);
    const platforms = { "linux/amd64": graph(), "linux/arm64": graph() };
    await expect(client.solve({ platforms }, { exports: [load] })).rejects.toThrow("images of one platform");
  });

  it("refuses what came later, by the name of what is missing", async () => {
    await using work = await workDirectory();
    await using client = await connect(address);
    const unsupported = (running: Promise<unknown>, capability: string) =>
      expect(running).rejects.toMatchObject({ name: "UnsupportedError", capability });
    await unsupported(
      client.solve(graph(), { compatibilityVersion: 20 }),
      "SolveRequest.CompatibilityVersion",
    );
    await unsupported(client.solve(graph(), { proxyNetwork: true }), "exec.meta.network.proxy");
    if (!isOldest(way)) return;
    await unsupported(client.info(), "Control.Info");
    await unsupported(client.history.list(), "Control.ListenBuildHistory");
    await unsupported(client.history.pin("any"), "Control.ListenBuildHistory");
    await unsupported(
      client.content.info(`sha256:${"0".repeat(64)}`),
      "containerd.services.content.v1.Content",
    );
    await unsupported(client.prune({ maxUsedSpaceBytes: 1e15 }), "gc.freespacefilter");
    await unsupported(client.solve(graph(), { sourceRules: [] }), "source.policy");
    const both = [local({ dest: work.in("out") }), tar({ dest: work.in("out.tar") })] as const;
    await unsupported(client.solve(graph(), { exports: both }), "exporter.multiple");
  });

  it("finds out about images as far as the engine tells", async () => {
    await using registry = await startRegistry();
    const platforms = [{ os: "linux", architecture: "amd64" }];
    const { index } = await putTestImage(registry, "team/app", { tag: "1", platforms });
    await using client = await connect(address);
    const found = await client.resolveImageConfig(`${registry.host}/team/app:1`, { platform: "linux/amd64" });
    expect(found.digest).toBe(index.digest);
    expect(found.config.architecture).toBe("amd64");
    if (isOldest(way)) expect(found.incomplete).toContain("BuildKit 0.11");
    else expect(found.raw.index).toEqual(Buffer.from(await registry.getManifest("team/app", "1")));
  });

  it("lists and prunes its cache", async () => {
    await using client = await connect(address);
    await client.solve(graph());
    expect((await client.diskUsage()).length).toBeGreaterThan(0);
    const removed = new Set<string>();
    await expect
      .poll(async () => {
        for (const { id } of await client.prune({ all: true })) removed.add(id);
        return removed.size;
      })
      .toBeGreaterThan(0);
  });
});
