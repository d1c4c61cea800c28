import { connect } from "@buildkit-node/control";
import { scratch } from "@buildkit-node/llb";
import { expect, it } from "vitest";

import { shell, toolsDirectory, toolsRoot, workDirectory } from "../support/tools.ts";
import { describeEachWay } from "../support/ways.ts";

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

/** The references of the builds that run, by the daemon's own list. */
async function runningOn(address: string): Promise<readonly string[]> {
  await using client = await connect(address);
  return (await client.history.list({ running: true })).map(({ ref }) => ref);
}
