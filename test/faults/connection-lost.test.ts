import { writeFile } from "node:fs/promises";
import { inspect } from "node:util";
import { type Build, connect } from "@buildkit-node/control";
import { startRelay } from "@buildkit-node/daemon";
import { local } from "@buildkit-node/exporters";
import { copy, local as localSource, mkfile, scratch } from "@buildkit-node/llb";
import { ConnectError, ConnectionLostError } from "@buildkit-node/transport";
import { expect, it } from "vitest";
import { faultyWay } from "../support/faulty-way.ts";
import { shell, toolsDirectory, toolsRoot, workDirectory } from "../support/tools.ts";
import { describeEachDaemon } from "../support/ways.ts";

describeEachDaemon("a connection that is lost", ({ address }) => {
  it("fails what runs in bounded time, and is made anew for what comes", async () => {
    await using work = await workDirectory();
    const tools = await toolsDirectory(work.path);
    const listen = `unix://${work.in("relay.sock")}`;
    const relay = await startRelay({ to: address, listen });
    await using client = await connect(listen);
    const builds = Array.from({ length: 3 }, (_, index) =>
      client.start(toolsRoot().run(shell(`echo ${Math.random()} ${index}; sleep 60`)), { locals: { tools } }),
    );
    await Promise.all(builds.map(firstWords));

    const started = performance.now();
    await relay.close();
    for (const build of builds) {
      await expect(build.result).rejects.toBeInstanceOf(ConnectionLostError);
      await expect(build.result).rejects.toThrow(`the connection to ${listen} was lost`);
      await build.settled();
    }
    expect(performance.now() - started).toBeLessThan(10_000);

    await using _again = await startRelay({ to: address, listen });
    await client.solve(scratch().file(mkfile("/file", `${Math.random()}`)));
  });

  it("during an upload or an export is the same error", async () => {
    await using work = await workDirectory();
    await writeFile(work.in("large"), Buffer.alloc(64 * 1024 * 1024, `${Math.random()}`));
    const listen = `unix://${work.in("relay.sock")}`;
    const state = scratch().file(copy(localSource("context", { include: ["large"] }), "large", "/large"));
    const locals = { context: work.path };
    for (const phase of ["transferring", "exporting"]) {
      const relay = await startRelay({ to: address, listen });
      await using client = await connect(listen);
      const build = client.start(state, { locals, exports: [local({ dest: work.in("out") })] });
      const lost = (async () => {
        for await (const event of build.events()) {
          const told = JSON.stringify(event, (_, value) =>
            typeof value === "bigint" ? String(value) : value,
          );
          if (told.includes(phase)) break;
        }
        await relay.close();
      })();
      await expect(build.result).rejects.toBeInstanceOf(ConnectionLostError);
      await lost;
      await build.settled();
    }
  });
});

describeEachDaemon("a connection that is cut", ({ address }) => {
  // From the first frame of the greeting to the last of the answer.
  const places = Array.from({ length: 25 }, (_, index) => Math.round(8 * 1.35 ** index));

  it.each(places)("after %d bytes costs a build no more than that", async (bytes) => {
    await using work = await workDirectory();
    await writeFile(work.in("file"), `${Math.random()}`);
    await using way = await faultyWay(address, work.in("way.sock"));
    const build = async () => {
      await using client = await connect(way.address);
      const state = scratch().file(copy(localSource("context", { include: ["file"] }), "file", "/"));
      await client.solve(state, {
        locals: { context: work.path },
        exports: [local({ dest: work.in("out") })],
        signal: AbortSignal.timeout(30_000),
      });
    };
    way.breakAfter(bytes);
    const error = await build().catch((thrown: unknown) => thrown);
    // The last places may lie behind all that the daemon says.
    const explained = error instanceof ConnectionLostError || error instanceof ConnectError;
    expect(explained || (error === undefined && bytes > 1000), inspect(error)).toBe(true);

    way.breakAfter(Number.POSITIVE_INFINITY);
    await build();
  });
});

/** Resolves once a step of the build has written something. */
async function firstWords(build: Build<unknown>): Promise<void> {
  for await (const event of build.events()) if (event.kind === "log") return;
}
