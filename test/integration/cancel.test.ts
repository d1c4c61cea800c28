import { writeFile } from "node:fs/promises";
import { connect } from "@buildkit-node/control";
import { local, tar } from "@buildkit-node/exporters";
import { copy, local as localSource, mkfile, scratch } from "@buildkit-node/llb";
import { expect, it } from "vitest";

import { seeded } from "../support/seeded.ts";
import { shell, toolsDirectory, toolsRoot, workDirectory } from "../support/tools.ts";
import { describeEachDaemon, describeEachWay } from "../support/ways.ts";

describeEachWay("canceling", ({ address }) => {
  it("ends a step that runs, on the daemon too", async () => {
    await using work = await workDirectory();
    const tools = await toolsDirectory(work.path);
    await using client = await connect(address);
    const build = client.start(toolsRoot().run(shell(`echo ${Date.now()}; sleep 60`)), { locals: { tools } });
    for await (const event of build.events()) if (event.kind === "log") break;
    expect(await runningOn(address)).toContain(build.ref);

    const reason = new Error("enough");
    const started = performance.now();
    const torn = build.cancel(reason);
    await expect(build.result).rejects.toBe(reason);
    expect(performance.now() - started).toBeLessThan(1_000);
    await torn;
    expect(performance.now() - started).toBeLessThan(10_000);
    // The daemon takes a moment more to write down that the build is over.
    await expect.poll(() => runningOn(address), { timeout: 5_000 }).not.toContain(build.ref);
  });

  it("before anything began sends nothing", async () => {
    await using client = await connect(address);
    const reason = new Error("never mind");
    await expect(client.solve(scratch(), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await expect(connect(address, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it("is what closing the client does to builds that run; or it waits for them", async () => {
    await using work = await workDirectory();
    const tools = await toolsDirectory(work.path);
    const state = (seconds: number) => toolsRoot().run(shell(`echo ${Math.random()}; sleep ${seconds}`));
    const first = await connect(address);
    const canceled = first.start(state(60), { locals: { tools } });
    for await (const event of canceled.events()) if (event.kind === "log") break;
    await first.close();
    await expect(canceled.result).rejects.toMatchObject({ code: "ERR_BUILDKIT_CLOSED" });
    expect(() => first.start(scratch())).toThrow(/was closed/);

    const second = await connect(address);
    const awaited = second.start(state(1), { locals: { tools } });
    await second.close({ running: "wait" });
    await expect(awaited.result).resolves.toMatchObject({ ref: awaited.ref });
  });
});

/** Moments of each daemon; with the default two daemons more than 300 in all. */
const moments = 160;

describeEachDaemon("canceling at any moment", ({ address }) => {
  it("rejects within a second with the reason, and leaves nothing running", {
    timeout: 600_000,
  }, async () => {
    await using work = await workDirectory();
    const tools = await toolsDirectory(work.path);
    await writeFile(work.in("large"), Buffer.alloc(4 * 1024 * 1024, "x"));
    const random = seeded(2);
    const refs: string[] = [];
    for (let moment = 0; moment < moments; moment++) {
      const state = toolsRoot()
        .run(shell(`echo ${moment} ${random()}; busybox usleep 30000`))
        .file([copy(localSource("large"), "large", "/large"), mkfile("/moment", `${moment} ${Date.now()}`)]);
      const exports =
        moment % 2 === 0 ? [local({ dest: work.in("out") })] : [tar({ dest: work.in("out.tar") })];
      const locals = { tools, large: work.path };
      const reason = new Error(`moment ${moment}`);
      const abort = new AbortController();
      const { signal } = abort;
      let aborted = 0;
      const timer = setTimeout(() => {
        aborted = performance.now();
        abort.abort(reason);
      }, random() * 400);
      const outcome = await (async () => {
        await using client = await connect(address, { signal });
        const build = client.start(state, { locals, exports, signal });
        refs.push(build.ref);
        await build.result;
      })().catch((error: unknown) => error);
      clearTimeout(timer);
      if (outcome !== undefined) {
        expect(outcome).toBe(reason);
        // The client is closed by now: everything was torn down.
        expect(performance.now() - aborted).toBeLessThan(10_000);
      }
    }
    const left = async () => (await runningOn(address)).filter((ref) => refs.includes(ref));
    await expect.poll(left, { timeout: 5_000 }).toEqual([]);
  });
});

/** The references of the builds that run, by the daemon's own list. */
async function runningOn(address: string): Promise<readonly string[]> {
  await using client = await connect(address);
  return (await client.history.list({ running: true })).map(({ ref }) => ref);
}
