import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { connect, llb, local } from "buildkit-node";
import { expect, inject, it } from "vitest";
import { seeded } from "../support/seeded.ts";
import { shell, toolsDirectory, toolsRoot, workDirectory } from "../support/tools.ts";
import { describeEachWay } from "../support/ways.ts";

/** Moments over all ways. */
const moments = 300;

describeEachWay("a build aborted at any moment", ({ address, name }) => {
  it("rejects with the reason at once, and leaves nothing running", { timeout: 600_000 }, async () => {
    await using work = await workDirectory();
    const tools = await toolsDirectory(work.path);
    const context = work.in("context");
    await writeContext(context);
    const random = seeded(20_261_121 + name.length);
    const share = Math.ceil(moments / inject("ways").length);

    let round = 0;
    const build = async (signal: AbortSignal | undefined): Promise<"done"> => {
      const dest = work.in(`dest-${round++}`);
      const options = signal === undefined ? {} : { signal };
      const client = await connect(address, options);
      try {
        const source = llb.local("context");
        const copied = toolsRoot()
          .file(llb.copy(source, "/", "/src", { createDestPath: true }))
          .run(shell("busybox cat /src/*/* > /all; busybox usleep 50000"), { ignoreCache: true });
        await client.solve(copied, {
          locals: { tools, context },
          // A new key each time: the whole context is sent again.
          sharedKey: `abort-${name}-${round}`,
          exports: [local({ dest })],
          ...options,
        });
        return "done";
      } finally {
        const closing = performance.now();
        await client.close();
        expect(performance.now() - closing).toBeLessThan(10_000);
      }
    };

    const timed = async () => {
      const started = performance.now();
      await build(undefined);
      return performance.now() - started;
    };
    // The first one fills the daemon's caches.
    let wholeMs = Math.min(await timed(), await timed());

    const outcomes = { aborted: 0, done: 0 };
    for (let i = 0; i < share; i++) {
      const reason = new Error(`aborted at moment ${i}`);
      const controller = new AbortController();
      const startedAt = performance.now();
      let abortedAt = Number.POSITIVE_INFINITY;
      const timer = setTimeout(() => {
        abortedAt = performance.now();
        controller.abort(reason);
      }, random() * wholeMs);
      const outcome = await build(controller.signal).catch((error: unknown) => error);
      clearTimeout(timer);
      if (outcome === "done") {
        outcomes.done++;
        wholeMs = Math.min(wholeMs, performance.now() - startedAt);
      } else {
        expect(outcome).toBe(reason);
        expect(performance.now() - abortedAt).toBeLessThan(11_000);
        outcomes.aborted++;
      }
    }
    expect(outcomes.aborted).toBeGreaterThan(share / 4);
    await expect.poll(() => running(address), { timeout: 10_000 }).toEqual([]);
  });
});

/** The references of the builds that run on a daemon. */
async function running(address: string): Promise<readonly string[]> {
  await using client = await connect(address);
  return (await client.history.list({ running: true })).map(({ ref }) => ref);
}

/** A hundred small files in seven directories. */
async function writeContext(root: string): Promise<void> {
  for (let i = 0; i < 7; i++) await mkdir(path.join(root, `dir-${i}`), { recursive: true });
  for (let i = 0; i < 100; i++)
    await writeFile(path.join(root, `dir-${i % 7}/file-${i}`), `${i}\n`.repeat(200));
}
