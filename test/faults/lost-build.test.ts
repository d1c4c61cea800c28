import { startRelay } from "@buildkit-node/daemon";
import { type Build, BuildLostError, ConnectionLostError, connect, SolveError } from "buildkit-node";
import { expect, it } from "vitest";
import { startEngine } from "../../scripts/debian/engines.ts";
import { faultyWay } from "../support/faulty-way.ts";
import { shell, toolsDirectory, toolsRoot, workDirectory } from "../support/tools.ts";
import { describeDestructive, describeEachDaemon } from "../support/ways.ts";

/** How long a build may take to notice that its connection is gone. */
const noticeMs = 5_000;

describeEachDaemon("a build whose connection is lost while the daemon goes on", ({ address }) => {
  it.each([
    { ends: "well", command: "echo after", exitCode: 0 },
    { ends: "badly", command: "echo after; exit 9", exitCode: 9 },
  ])("is looked up by its reference, and ends $ends", async ({ command, exitCode }) => {
    await using work = await workDirectory();
    const locals = { tools: await toolsDirectory(work.path) };
    await using way = await faultyWay(address, work.in("way.sock"));
    await using client = await connect(way.address);
    const step = toolsRoot().run(shell(`echo ${Math.random()}; sleep 3; ${command}`));
    const build = client.start(step, { locals });
    await firstWords(build);

    const started = performance.now();
    way.breakConnections();
    const error: unknown = await build.result.catch((thrown: unknown) => thrown);
    expect(performance.now() - started).toBeLessThan(noticeMs);
    expect(error).toBeInstanceOf(ConnectionLostError);
    expect(error).toBeInstanceOf(BuildLostError);
    const { ref, message } = error as BuildLostError;
    expect(ref).toBe(build.ref);
    expect(message).toContain(`history.wait("${build.ref}")`);

    // The next calls dial anew.
    expect(await client.history.get(ref)).toMatchObject({ ref });
    expect((await client.history.get(ref))?.completed).toBeUndefined();
    let said = "";
    const following = (async () => {
      for await (const { logs } of client.history.updates(ref)) {
        for (const { data } of logs) said += Buffer.from(data).toString();
      }
    })();
    const outcome = await client.history.wait(ref).catch((thrown: unknown) => thrown);
    await following;
    expect(said).toContain("after");
    if (exitCode === 0) {
      expect(outcome).toMatchObject({ ref, completed: expect.any(Number) });
    } else {
      expect(outcome).toBeInstanceOf(SolveError);
      expect(outcome).toMatchObject({ ref, logs: expect.arrayContaining(["after"]) });
      const { exitCode: told, detailsMissing } = outcome as SolveError;
      expect(told === exitCode || detailsMissing).toBe(true);
    }
    // One that is over is told at once.
    expect(await client.history.wait(ref).catch((thrown: unknown) => thrown)).toMatchObject({ ref });
  });

  it("is canceled where the daemon misses its client too, and unknown references are not waited for", async () => {
    await using work = await workDirectory();
    const locals = { tools: await toolsDirectory(work.path) };
    const listen = `unix://${work.in("relay.sock")}`;
    const relay = await startRelay({ to: address, listen });
    await using client = await connect(listen);
    const build = client.start(toolsRoot().run(shell(`echo ${Math.random()}; sleep 60`)), { locals });
    await firstWords(build);
    await relay.close();
    await expect(build.result).rejects.toMatchObject({
      code: "ERR_BUILDKIT_CONNECTION_LOST",
      ref: build.ref,
    });
    await using _again = await startRelay({ to: address, listen });
    await expect(client.history.wait(build.ref)).rejects.toMatchObject({
      status: "Canceled",
      ref: build.ref,
    });
    expect(await client.history.wait("never-begun")).toBeUndefined();
    const reason = new Error("enough");
    const waiting = client.history.wait(build.ref, { signal: AbortSignal.abort(reason) });
    await expect(waiting).rejects.toBe(reason);
  });
});

describeDestructive("a build whose daemon restarts", () => {
  it("fails with its reference; afterwards the daemon knows those that were over", async () => {
    await using work = await workDirectory();
    const locals = { tools: await toolsDirectory(work.path) };
    const listen = `unix://${work.in("relay.sock")}`;
    const dataRoot = { folder: work.in("data") };
    const first = await startEngine("testing", { dataRoot });
    const relay = await startRelay({ to: first.address, listen });
    await using client = await connect(listen);
    const { ref: over } = await client.solve(toolsRoot(), { locals });
    const build = client.start(toolsRoot().run(shell(`echo ${Math.random()}; sleep 60`)), { locals });
    await firstWords(build);
    first.signal("KILL");
    await expect(build.result).rejects.toMatchObject({
      code: "ERR_BUILDKIT_CONNECTION_LOST",
      ref: build.ref,
    });
    await build.settled();
    await relay.close();
    await first.close();

    await using second = await startEngine("testing", { dataRoot });
    await using _again = await startRelay({ to: second.address, listen });
    expect(await client.history.wait(over)).toMatchObject({ ref: over, completed: expect.any(Number) });
    expect(await client.history.wait(build.ref)).toBeUndefined();
    await client.solve(toolsRoot(), { locals });
  });
});

/** Resolves once a step of the build has written something. */
async function firstWords(build: Build<unknown>): Promise<void> {
  for await (const event of build.events()) if (event.kind === "log") return;
}
