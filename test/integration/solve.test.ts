import { readFile, writeFile } from "node:fs/promises";
import { type Build, connect } from "@buildkit-node/control";
import { type BuildEvent, type ProgressDisplay, SolveError, type StatusUpdate } from "@buildkit-node/core";
import { local, oci, tar } from "@buildkit-node/exporters";
import { copy, image, local as localSource, mkfile, scratch } from "@buildkit-node/llb";
import { expect, it } from "vitest";
import { needsCapability } from "../support/capabilities.ts";
import { shell, toolsDirectory, toolsRoot, workDirectory } from "../support/tools.ts";
import { describeEachDaemon, describeEachWay } from "../support/ways.ts";

/** A text that no build before had, so that nothing comes from the cache. */
const fresh = () => `${Date.now()} ${Math.random()}`;

describeEachWay("a build", ({ address }) => {
  it("uploads, runs, and brings its results home, each with its type", async (context) => {
    await using work = await workDirectory();
    const tools = await toolsDirectory(work.path);
    await writeFile(work.in("greeting"), fresh());
    await using client = await connect(address);
    await needsCapability(context, client, "exporter.multiple");
    const state = toolsRoot()
      .run(shell("busybox uname -s > /system"))
      .file(copy(localSource("context", { include: ["greeting"] }), "greeting", "/greeting"));
    const result = await client.solve(state, {
      locals: { tools, context: work.path },
      exports: [local({ dest: work.in("out") }), tar({ dest: work.in("out.tar") })],
    });
    const [directory, archive] = result.exports;
    expect(directory.dest).toBe(work.in("out"));
    expect(await readFile(work.in("out", "system"), "utf8")).toBe("Linux\n");
    expect(await readFile(work.in("out", "greeting"))).toEqual(await readFile(work.in("greeting")));
    expect(archive.dest).toBe(work.in("out.tar"));
    expect((await readFile(work.in("out.tar"))).includes("greeting")).toBe(true);
  });

  it("shares the connection with others", async () => {
    await using client = await connect(address);
    const builds = Array.from({ length: 20 }, (_, index) =>
      client.solve(scratch().file(mkfile("/file", `${fresh()} ${index}`))),
    );
    const refs = new Set((await Promise.all(builds)).map(({ ref }) => ref));
    expect(refs.size).toBe(20);
  });

  it("that fails says which step, with what exit code, and what it wrote last", async () => {
    await using work = await workDirectory();
    const tools = await toolsDirectory(work.path);
    await using client = await connect(address);
    const command = shell(`echo ${fresh()}; echo first; echo last >&2; exit 7`);
    const error = await failureOf(client.start(toolsRoot().run(command), { locals: { tools } }));
    expect(error).toMatchObject({ exitCode: 7, status: "Unknown" });
    expect(error.vertex?.name).toContain("exit 7");
    expect(error.logs).toEqual(expect.arrayContaining(["first", "last"]));
    expect(error.format()).toContain("exit code: 7");
  });

  it("of a Dockerfile that fails names the file and the line", async () => {
    await using work = await workDirectory();
    await writeFile(work.in("Dockerfile"), `FROM scratch\n# ${fresh()}\nCOPY missing /there\n`);
    await using client = await connect(address);
    const error = await failureOf(client.startDockerfile({ context: work.path }));
    expect(error.sources[0]).toMatchObject({ filename: "Dockerfile", ranges: [{ start: { line: 3 } }] });
    expect(error.message).toContain("(Dockerfile:3)");
    expect(error.format()).toContain("> 3 | COPY missing /there");
  });
});

describeEachDaemon("a build", ({ address }) => {
  it("tells what happens in it, to each reader from the start", async () => {
    await using work = await workDirectory();
    const tools = await toolsDirectory(work.path);
    await using client = await connect(address);
    const text = fresh();
    const command = shell(`echo said ${text}; sleep 1`);
    await using build = client.start(toolsRoot().run(command, { name: "the step" }), { locals: { tools } });
    const [first, second] = await Promise.all([collect(build), collect(build)]);
    await build.result;
    for (const events of [first, second]) {
      const said = events.flatMap((event) =>
        event.kind === "log" ? [Buffer.from(event.log.data).toString()] : [],
      );
      expect(said.join("")).toContain(`said ${text}`);
      const step = events.flatMap((event) => (event.kind === "vertex" ? [event.vertex] : [])).filter(isStep);
      const { intervals } = step.at(-1)!;
      const last = intervals.at(-1)!;
      expect(last.end! - last.start).toBeGreaterThan(900);
      // In this machine's clock, whatever the daemon's says.
      expect(Math.abs(last.end! - Date.now())).toBeLessThan(60_000);
    }
  });

  it("goes on when a reader of its events leaves", async () => {
    await using client = await connect(address);
    const build = client.start(scratch().file(mkfile("/file", fresh())));
    for await (const _ of build.events()) break;
    await expect(build.result).resolves.toMatchObject({ ref: build.ref });
  });

  it("shows its progress until its end, also that it failed", async () => {
    const updates: StatusUpdate[] = [];
    const ends: unknown[] = [];
    const progress: ProgressDisplay = {
      attach: ({ name }) => ({
        update: (update) => void updates.push(update),
        end: async ({ error }) => void ends.push([name, error]),
      }),
    };
    await using client = await connect(address);
    await client.solve(scratch().file(mkfile("/file", fresh())), { progress, name: "good" });
    const completed = updates.flatMap(({ vertices }) =>
      vertices.filter((one) => one.completed !== undefined),
    );
    expect(completed.map(({ name }) => name)).toContainEqual(expect.stringContaining("mkfile"));
    const error = await failureOf(client.start({ frontend: "no.such.frontend" }, { progress, name: "bad" }));
    expect(ends).toEqual([
      ["good", undefined],
      ["bad", error],
    ]);
  });

  it("can be driven by a function, which looks into results on its way", async () => {
    await using client = await connect(address);
    const text = fresh();
    const seen: string[] = [];
    await client.solve(async (gateway) => {
      const tree = await gateway.solve(scratch().file(mkfile("/file", text)));
      seen.push(Buffer.from(await tree.readFile("/file")).toString());
      return tree;
    });
    expect(seen).toEqual([text]);
    const mine = new Error("the function's own");
    const failing = client.solve(() => {
      throw mine;
    });
    await expect(failing).rejects.toBe(mine);
  });

  it("refuses a reference that is in use, and a frontend that does not exist, in the daemon's words", async () => {
    await using work = await workDirectory();
    const tools = await toolsDirectory(work.path);
    await using client = await connect(address);
    const state = toolsRoot().run(shell(`echo ${fresh()}; sleep 30`));
    await using build = client.start(state, { locals: { tools } });
    for await (const event of build.events()) if (event.kind === "log") break;
    const twice = client.start(scratch().file(mkfile("/file", fresh())), { ref: build.ref });
    expect((await failureOf(twice)).text).toContain("exists");
    expect((await failureOf(client.start({ frontend: "no.such.frontend" }))).text).toContain(
      "no.such.frontend",
    );
  });

  it("says what is wrong before anything is sent", async () => {
    await using client = await connect(address);
    const state = scratch().file(copy(localSource("source"), "a", "b"));
    await expect(client.solve(state)).rejects.toMatchObject({ argument: "locals", value: "source" });
    await expect(client.solve(state, { locals: { source: "/no/such/directory" } })).rejects.toMatchObject({
      code: "ERR_BUILDKIT_INVALID_ARGUMENT",
    });
    await expect(client.solveDockerfile({ context: "/no/such/directory" })).rejects.toMatchObject({
      argument: "context",
    });
    const large = scratch().file(mkfile("/f", "x".repeat(17 * 1024 * 1024)));
    await expect(client.solve(large)).rejects.toThrow(
      "the graph has 17.8 MB, and BuildKit takes 16 MiB at most",
    );
    const unwritable = [local({ dest: "/dev/null/out" })];
    await expect(
      client.solve(scratch().file(mkfile("/f", "x")), { exports: unwritable }),
    ).rejects.toMatchObject({
      code: "ERR_BUILDKIT_DESTINATION",
    });
  });

  it("refuses what the types do not allow either", async () => {
    await using client = await connect(address);
    const wrong = (running: Promise<unknown>, argument: string) =>
      expect(running).rejects.toMatchObject({ code: "ERR_BUILDKIT_INVALID_ARGUMENT", argument });
    for (const input of [null, "alpine", {}, { platforms: {} }, { frontend: "" }]) {
      await wrong(client.solve(input as never), expect.stringMatching(/^input/) as unknown as string);
    }
    const exports = local({ dest: "/dev/null" });
    await wrong(client.solve(scratch(), { exports: exports as never }), "exports");
    await using work = await workDirectory();
    await writeFile(work.in("Dockerfile"), "FROM scratch\n");
    const context = work.path;
    await wrong(client.solveDockerfile({ context, platforms: ["linux/a/b/c"] }), "platform");
    const named = [oci({ dest: work.in("a.tar"), name: "Upper:1" })];
    await wrong(client.solveDockerfile({ context, exports: named }), "reference");
  });

  it("fails with the image that cannot be had", async () => {
    await using client = await connect(address);
    const error = await failureOf(client.start(image("127.0.0.1:1/no/such:image").file(mkfile("/f", "x"))));
    expect(error.text).toContain("127.0.0.1:1/");
    expect(error.vertex?.name).toContain("127.0.0.1:1/no/such:image");
  });
});

function isStep({ name, completed }: { readonly name: string; readonly completed?: number }): boolean {
  return name === "the step" && completed !== undefined;
}

async function collect(build: Build<unknown>): Promise<readonly BuildEvent[]> {
  const events: BuildEvent[] = [];
  for await (const event of build.events()) events.push(event);
  return events;
}

async function failureOf(build: Build<unknown>): Promise<SolveError> {
  const error = await build.result.then(
    () => new Error("the build succeeded"),
    (thrown: unknown) => thrown,
  );
  if (error instanceof SolveError) return error;
  throw error;
}
