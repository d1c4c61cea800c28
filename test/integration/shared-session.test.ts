import { mkdir, readFile, writeFile } from "node:fs/promises";
import { startRelay } from "@buildkit-node/daemon";
import { randomId } from "@buildkit-node/transport/internal";
import {
  type Build,
  connect,
  DestinationError,
  llb,
  local,
  oci,
  SolveError,
  type TransferReport,
  tar,
} from "buildkit-node";
import { expect, it } from "vitest";
import { needsCapability } from "../support/capabilities.ts";
import { shell, toolsDirectory, toolsRoot, workDirectory } from "../support/tools.ts";
import { describeEachDaemon } from "../support/ways.ts";

/** The context's file, with something of its own for each build beside it. */
function marked(mark: string): llb.State {
  const copied = llb.scratch().file(llb.copy(llb.local("context"), "file", "/file"));
  return copied.file(llb.mkfile("/mark", mark));
}

describeEachDaemon("a session that builds share", ({ address }) => {
  it("sends files once, and is one state of them", async () => {
    await using work = await workDirectory();
    const context = work.in("context");
    await mkdir(context);
    await writeFile(work.in("context", "file"), "first");
    await using client = await connect(address);
    const sent: TransferReport[] = [];
    const build = async (session: Awaited<ReturnType<typeof client.openSession>>): Promise<string> => {
      const dest = work.in(randomId());
      await client.solve(marked(dest), { session, exports: [local({ dest })] });
      expect(await readFile(`${dest}/mark`, "utf8")).toBe(dest);
      return readFile(`${dest}/file`, "utf8");
    };
    const options = {
      locals: { context },
      sharedKey: randomId(),
      onTransfer: (report: TransferReport) => void sent.push(report),
    };
    {
      await using session = await client.openSession(options);
      expect(await Promise.all([build(session), build(session), build(session)])).toEqual(
        Array(3).fill("first"),
      );
      expect(sent).toHaveLength(1);
      await writeFile(work.in("context", "file"), "second time");
      expect(await build(session)).toBe("first");
      expect(sent).toHaveLength(1);
    }
    await using session = await client.openSession(options);
    expect(await build(session)).toBe("second time");
    expect(sent).toHaveLength(2);
  });

  it("brings each build its own results, however they come home, at the same time", async () => {
    await using work = await workDirectory();
    await using client = await connect(address);
    await using session = await client.openSession();
    const builds = Array.from({ length: 4 }, async (_, index) => {
      const mark = `${randomId()} ${index}`;
      const state = llb.scratch().file(llb.mkfile("/mark", mark));
      const [dir, archive, layout] = [
        work.in(`dir-${index}`),
        work.in(`${index}.tar`),
        work.in(`layout-${index}`),
      ];
      await Promise.all([
        client.solve(state, { session, exports: [local({ dest: dir })] }),
        client.solve(state, { session, exports: [tar({ dest: archive })] }),
        client.solve(state, { session, exports: [oci({ dest: layout, tar: false, name: `mark:${index}` })] }),
      ]);
      expect(await readFile(`${dir}/mark`, "utf8")).toBe(mark);
      expect(await readFile(archive, "utf8")).toContain(mark);
      return readFile(`${layout}/index.json`, "utf8");
    });
    const indexes = await Promise.all(builds);
    for (const [index, text] of indexes.entries()) expect(text).toContain(`mark:${index}"`);
    expect(new Set(indexes.map((text) => JSON.parse(text).manifests[0].digest)).size).toBe(4);
  });

  it("asks each build which exporters to add", async (context) => {
    await using client = await connect(address);
    await needsCapability(context, client, "exporter.session");
    await using session = await client.openSession();
    const builds = Array.from({ length: 3 }, async (_, index) => {
      const asked: number[] = [];
      const sessionExporters = {
        find: async () => {
          asked.push(index);
          return [{ type: "image", attrs: { name: `chosen:${index}` } }];
        },
      };
      const state = llb.scratch().file(llb.mkfile("/mark", randomId()));
      const { response } = await client.solve(state, { session, sessionExporters });
      return [asked, response["image.name"]];
    });
    await client.solve(llb.scratch().file(llb.mkfile("/mark", randomId())), { session });
    expect(await Promise.all(builds)).toEqual([
      [[0], "chosen:0"],
      [[1], "chosen:1"],
      [[2], "chosen:2"],
    ]);
  });

  it("builds several targets of a Dockerfile from one upload, with the session's secrets", async () => {
    await using work = await workDirectory();
    const context = work.in("context");
    await mkdir(context);
    await toolsDirectory(context);
    await writeFile(
      work.in("context", "Dockerfile"),
      [
        "FROM scratch AS base",
        "COPY tools/busybox /bin/sh",
        "COPY tools/busybox /bin/busybox",
        ...["one", "two"].flatMap((name) => [
          `FROM base AS ${name}-build`,
          `RUN --mount=type=secret,id=word busybox echo ${name} $(busybox cat /run/secrets/word) > /out`,
          `FROM scratch AS ${name}`,
          `COPY --from=${name}-build /out /`,
        ]),
      ].join("\n"),
    );
    await using client = await connect(address);
    const sent: TransferReport[] = [];
    await using session = await client.openSession({
      locals: { context },
      secrets: { word: { value: "hush" } },
      onTransfer: (report) => void sent.push(report),
    });
    const target = async (name: string): Promise<string> => {
      const exports = [local({ dest: work.in(name) })] as const;
      await client.solveDockerfile({
        session,
        context: { local: "context" },
        target: name,
        noCache: true,
        exports,
      });
      return readFile(work.in(name, "out"), "utf8");
    };
    expect(await Promise.all([target("one"), target("two")])).toEqual(["one hush\n", "two hush\n"]);
    // The Dockerfile, the ignore file beside it, the context.
    expect(sent.length).toBeLessThanOrEqual(3);
  });

  it("gives each build its own failure, and outlives it", async () => {
    await using work = await workDirectory();
    const locals = { tools: await toolsDirectory(work.path) };
    await writeFile(work.in("occupied"), "");
    await using client = await connect(address);
    await using session = await client.openSession({ locals });
    const good = toolsRoot().run(shell(`busybox sleep 1; echo ${randomId()} > /made`));
    const [blocked, failed, canceled, made] = await Promise.allSettled([
      client.solve(toolsRoot(), { session, exports: [local({ dest: work.in("occupied", "below") })] }),
      client.solve(toolsRoot().run(shell("exit 7"), { ignoreCache: true }), { session }),
      client.solve(toolsRoot().run(shell(`echo ${randomId()}; sleep 60`)), {
        session,
        signal: AbortSignal.timeout(500),
      }),
      client.solve(good, { session, exports: [local({ dest: work.in("made") })] }),
    ]);
    expect(blocked).toMatchObject({ status: "rejected", reason: expect.any(DestinationError) });
    expect(failed).toMatchObject({ status: "rejected", reason: expect.any(SolveError) });
    expect(failed).toMatchObject({ reason: { exitCode: 7 } });
    expect(canceled).toMatchObject({ status: "rejected", reason: { name: "TimeoutError" } });
    expect(made).toMatchObject({ status: "fulfilled" });
    const again = client.solve(toolsRoot().run(shell("exit 8"), { ignoreCache: true }), { session });
    await expect(again).rejects.toMatchObject({ exitCode: 8 });
  });

  it("refuses what is the session's, what is over, and what is another client's", async () => {
    await using work = await workDirectory();
    await using client = await connect(address);
    await using other = await connect(address);
    const session = await client.openSession({ locals: { context: work.path } });
    const state = llb.scratch().file(llb.mkfile("/file", randomId()));
    const refused = { code: "ERR_BUILDKIT_INVALID_ARGUMENT" };
    for (const options of [
      { locals: { context: work.path } },
      { secrets: { id: { value: "text" } } },
      { auth: false as const },
      { sharedKey: "key" },
    ]) {
      await expect(client.solve(state, { session, ...options })).rejects.toMatchObject({
        ...refused,
        argument: Object.keys(options)[0],
        message: expect.stringContaining("to openSession"),
      });
    }
    await expect(other.solve(state, { session })).rejects.toMatchObject({ ...refused, argument: "session" });
    await writeFile(work.in("Dockerfile"), "FROM scratch");
    await expect(client.solveDockerfile({ session, context: work.path })).rejects.toThrow("{ local: name }");
    await expect(client.solve(llb.local("missing"), { session })).rejects.toThrow('"missing"');
    await expect(client.openSession({ locals: { context: work.in("nowhere") } })).rejects.toMatchObject(
      refused,
    );
    await session.close();
    await session.close();
    await expect(client.solve(state, { session })).rejects.toMatchObject({ code: "ERR_BUILDKIT_CLOSED" });
    expect(await session.closed).toBeUndefined();
  });

  it("cancels its builds when it is closed, or waits for them", async () => {
    await using work = await workDirectory();
    const locals = { tools: await toolsDirectory(work.path) };
    await using client = await connect(address);
    const step = (seconds: number) => toolsRoot().run(shell(`echo ${randomId()}; sleep ${seconds}`));
    const first = await client.openSession({ locals });
    const canceled = client.start(step(60), { session: first });
    await firstWords(canceled);
    await first.close();
    await expect(canceled.result).rejects.toMatchObject({ code: "ERR_BUILDKIT_CLOSED" });

    const second = await client.openSession({ locals });
    const awaited = client.start(step(1), { session: second });
    await second.close({ running: "wait" });
    await expect(awaited.result).resolves.toMatchObject({ ref: awaited.ref });
  });

  it("is over when its connection is lost, for later builds too", async () => {
    await using work = await workDirectory();
    const locals = { tools: await toolsDirectory(work.path) };
    const listen = `unix://${work.in("relay.sock")}`;
    const relay = await startRelay({ to: address, listen });
    await using client = await connect(listen);
    await using session = await client.openSession({ locals });
    const build = client.start(toolsRoot().run(shell(`echo ${randomId()}; sleep 60`)), { session });
    await firstWords(build);
    await relay.close();
    await expect(build.result).rejects.toMatchObject({ code: "ERR_BUILDKIT_CONNECTION_LOST" });
    await build.settled();
    await using _again = await startRelay({ to: address, listen });
    const lost = { code: "ERR_BUILDKIT_SESSION", sessionId: session.id };
    expect(await session.closed).toMatchObject(lost);
    await expect(client.solve(toolsRoot(), { session })).rejects.toMatchObject(lost);
    await using anew = await client.openSession({ locals });
    await client.solve(toolsRoot(), { session: anew });
  });
});

/** Resolves once a step of the build has written something. */
async function firstWords(build: Build<unknown>): Promise<void> {
  for await (const event of build.events()) if (event.kind === "log") return;
}
