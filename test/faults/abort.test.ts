import { Control } from "@buildkit-node/proto/control";
import {
  createDialer,
  openConnection,
  parseAddress,
  StatusError,
  scopedStream,
} from "@buildkit-node/transport";
import { createClient } from "@connectrpc/connect";
import { connect, llb, local } from "buildkit-node";
import { expect, inject, it } from "vitest";
import { busyboxRoot } from "../support/busybox-root.ts";
import { testFolder, writeTree } from "../support/folder.ts";
import { describeEachWay } from "../support/ways.ts";

/** Moments over all ways. */
const moments = 300;

/** Numbers between 0 and 1 that are the same on each run (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

describeEachWay("a build aborted at any moment", ({ address, name }) => {
  it("rejects with the reason at once, and leaves nothing running", { timeout: 600_000 }, async () => {
    await using folder = await testFolder();
    const { root, locals } = await busyboxRoot();
    const context = folder.at("context");
    const files = Array.from({ length: 100 }, (_, i) => [`dir-${i % 7}/file-${i}`, `${i}\n`.repeat(200)]);
    await writeTree(context, Object.fromEntries(files));
    const random = seeded(20_261_121 + name.length);
    const share = Math.ceil(moments / inject("ways").length);

    let round = 0;
    const build = async (signal: AbortSignal | undefined): Promise<"done"> => {
      const dest = folder.at(`dest-${round++}`);
      const options = signal === undefined ? {} : { signal };
      const client = await connect(address, options);
      try {
        const source = llb.local("context");
        const copied = root
          .file(llb.copy(source, "/", "/src", { createDestPath: true }))
          .run(["sh", "-c", "cat /src/*/* > /all; sleep 0.05"], { ignoreCache: true });
        await client.solve(copied, {
          locals: { ...locals, context },
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

    const started = performance.now();
    await build(undefined);
    const wholeMs = performance.now() - started;

    const outcomes = { aborted: 0, done: 0 };
    for (let i = 0; i < share; i++) {
      const reason = new Error(`aborted at moment ${i}`);
      const controller = new AbortController();
      let abortedAt = Number.POSITIVE_INFINITY;
      const timer = setTimeout(() => {
        abortedAt = performance.now();
        controller.abort(reason);
      }, random() * wholeMs);
      const outcome = await build(controller.signal).catch((error: unknown) => error);
      clearTimeout(timer);
      if (outcome === "done") {
        outcomes.done++;
      } else {
        expect(outcome).toBe(reason);
        expect(performance.now() - abortedAt).toBeLessThan(11_000);
        outcomes.aborted++;
      }
    }
    expect(outcomes.aborted).toBeGreaterThan(share / 4);
    await expect.poll(() => running(address), { timeout: 10_000 }).toEqual([]);
  });

  it("settles within a second of the abort, even while the teardown goes on", async () => {
    const { root, locals } = await busyboxRoot();
    await using client = await connect(address);
    const controller = new AbortController();
    const build = client.start(root.run(["sleep", "60"], { ignoreCache: true }), {
      locals,
      signal: controller.signal,
    });
    for await (const event of build.events()) {
      if (event.kind === "vertex" && event.vertex.name.includes("sleep 60") && event.vertex.started) break;
    }
    const aborted = performance.now();
    const reason = new Error("enough");
    controller.abort(reason);
    await expect(build.result).rejects.toBe(reason);
    expect(performance.now() - aborted).toBeLessThan(1000);
    await build.settled();
    expect(performance.now() - aborted).toBeLessThan(11_000);
    await expect.poll(() => running(address), { timeout: 10_000 }).toEqual([]);
  });
});

/** The references of the builds that run on a daemon; none where it keeps no history. */
async function running(address: string): Promise<string[]> {
  const signal = AbortSignal.timeout(10_000);
  await using connection = await openConnection(await createDialer(parseAddress(address)), { signal });
  const control = createClient(Control, connection.rpc);
  const refs: string[] = [];
  try {
    const request = { ActiveOnly: true, EarlyExit: true };
    for await (const { record } of scopedStream(
      (scope) => control.listenBuildHistory(request, { signal: scope }),
      signal,
    )) {
      if (record !== undefined) refs.push(record.Ref);
    }
  } catch (error) {
    if (!(error instanceof StatusError && error.status === "Unimplemented")) throw error;
  }
  return refs;
}
