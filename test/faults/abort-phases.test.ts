import { once } from "node:events";
import { createServer } from "node:net";
import { Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type Build,
  type Client,
  connect,
  image,
  llb,
  type SolveInput,
  type SolveOptions,
  tar,
  virtualDirectory,
} from "buildkit-node";
import { expect, it } from "vitest";
import { type FaultyWay, faultyWay } from "../support/faulty-way.ts";
import { startScriptedRegistry } from "../support/scripted-registry.ts";
import { shell, toolsDirectory, toolsRoot, type WorkDirectory, workDirectory } from "../support/tools.ts";
import { describeEachDaemon } from "../support/ways.ts";

/** What a phase has at hand. */
interface Surroundings {
  readonly work: WorkDirectory;
  readonly locals: { readonly tools: string };
  readonly way: FaultyWay;
  readonly client: Client;
  readonly signal: AbortSignal;
  /** Keeps something until the phase is over. */
  use(resource: AsyncDisposable): void;
}

/** Something that was begun and is in the middle of its phase. */
interface Begun {
  readonly running: Promise<unknown>;
  /** The build that it is on the daemon. */
  readonly ref?: string;
}

type Begin = (around: Surroundings) => Promise<Begun>;

/** A call of which nothing comes back. */
function unanswered(call: (client: Client, signal: AbortSignal) => Promise<unknown>): Begin {
  return async ({ client, way, signal }) => {
    way.hold();
    const running = call(client, signal);
    await sleep(100);
    return { running };
  };
}

/** A build that is in its phase when `reached` resolves. */
function built(
  make: (
    around: Surroundings,
    reach: () => void,
  ) => Promise<{ input: SolveInput; options?: SolveOptions<[]> }>,
): Begin {
  return async (around) => {
    let reach = (): void => {};
    const reached = new Promise<void>((resolve) => {
      reach = resolve;
    });
    const { input, options = {} } = await make(around, () => reach());
    const build = around.client.start(input, { ...options, signal: around.signal });
    await Promise.race([reached, build.result.then(() => Promise.reject(new Error("the build has ended")))]);
    return { running: build.result, ref: build.ref };
  };
}

const platform = { os: "linux", architecture: "amd64" };
const fresh = () => llb.scratch().file(llb.mkfile("/file", `${Math.random()}`));
const endless = () => toolsRoot().run(shell(`echo ${Math.random()}; sleep 60`));

const phases: Readonly<Record<string, Begin>> = {
  "before anything began": async ({ client }) => {
    const signal = AbortSignal.abort(aborted);
    return { running: client.solve(fresh(), { signal }) };
  },
  dialing: async ({ work, signal, use }) => {
    const silent = createServer(() => {});
    silent.listen(work.in("silent.sock"));
    await once(silent, "listening");
    use({ [Symbol.asyncDispose]: async () => void silent.close() });
    const running = connect(`unix://${work.in("silent.sock")}`, { signal });
    await once(silent, "connection");
    return { running };
  },
  "asking for capabilities": unanswered((client, signal) => client.capabilities({ signal })),
  "asking for workers": unanswered((client, signal) => client.listWorkers({ signal })),
  "asking for the version": unanswered((client, signal) => client.info({ signal })),
  "asking for the use of the cache": unanswered((client, signal) => client.diskUsage({ signal })),
  "opening a shared session": unanswered((client, signal) => client.openSession({ signal })),
  "opening a build's session": async ({ client, way, locals, signal }) => {
    way.hold();
    const running = client.solve(llb.marshal(toolsRoot(), { platform }), { locals, signal });
    await sleep(100);
    return { running };
  },
  uploading: built(async (_around, reach) => {
    const context = virtualDirectory([
      { path: "large", stat: { size: 1 << 30 }, open: () => trickle(reach) },
    ]);
    const input = llb.scratch().file(llb.copy(llb.local("context"), "large", "/large"));
    return { input, options: { locals: { context } } };
  }),
  "waiting for a function of this side": built(async (_around, reach) => ({
    input: async (gateway) => {
      await gateway.solve(fresh());
      reach();
      await new Promise(() => {});
    },
  })),
  "waiting for a step that another build runs": built(async ({ client, locals, use }, reach) => {
    const input = endless();
    const other = client.start(input, { locals });
    use(other);
    await firstWords(other);
    setTimeout(reach, 300);
    return { input, options: { locals } };
  }),
  "running a step": async ({ client, locals, signal }) => {
    const build = client.start(endless(), { locals, signal });
    await firstWords(build);
    return { running: build.result, ref: build.ref };
  },
  "looking an image up": async ({ client, signal, use }) => {
    const registry = await startScriptedRegistry("hang");
    use(registry);
    const running = client.resolveImageConfig(`${registry.host}/a/b:c`, { signal });
    await registry.asked;
    return { running };
  },
  exporting: built(async ({ use }, reach) => {
    const registry = await startScriptedRegistry("hang");
    use(registry);
    void registry.asked.then(reach);
    const name = `${registry.host}/a/b:c`;
    return {
      input: fresh(),
      options: { exports: [image({ name, push: true, insecure: true })] as never },
    };
  }),
  downloading: built(async (_around, reach) => {
    const stuck = new Writable({ write: () => reach() });
    const large = llb.scratch().file(llb.mkfile("/large", "x".repeat(3 << 20)));
    return { input: large, options: { exports: [tar({ dest: stuck })] as never } };
  }),
  "looking a build up in the history": unanswered((client, signal) => client.history.get("any", { signal })),
  "listing the history": unanswered((client, signal) => client.history.list({ signal })),
  "following the history": async ({ client, signal }) => {
    const following = client.history.follow({ running: true, signal });
    return { running: following.next() };
  },
  "waiting for a build's end": async ({ client, locals, signal, use }) => {
    const other = client.start(endless(), { locals });
    use(other);
    await firstWords(other);
    return { running: client.history.wait(other.ref, { signal }) };
  },
  "reading the content store": unanswered(async (client, signal) => {
    for await (const _record of client.content.list({ signal }));
  }),
  closing: async ({ client, locals, signal }) => {
    const build = client.start(endless(), { locals, signal });
    await firstWords(build);
    void client.close({ running: "wait" });
    return { running: build.result, ref: build.ref };
  },
};

const aborted = new Error("enough");

describeEachDaemon("what is aborted", ({ address }) => {
  it.each(Object.entries(phases))("ends at once and leaves nothing behind: %s", async (_name, begin) => {
    await using work = await workDirectory();
    const locals = { tools: await toolsDirectory(work.path) };
    await warmUp(address);
    await sleep(100);
    const before = resources();

    const controller = new AbortController();
    let ref: string | undefined;
    {
      const kept: AsyncDisposable[] = [];
      const way = await faultyWay(address, work.in("way.sock"));
      const client = await connect(way.address);
      const use = (resource: AsyncDisposable) => void kept.push(resource);
      const begun = await begin({ work, locals, way, client, signal: controller.signal, use });
      ref = begun.ref;
      const start = performance.now();
      controller.abort(aborted);
      await expect(begun.running).rejects.toBe(aborted);
      expect(performance.now() - start).toBeLessThan(1_000);
      for (const resource of kept) await resource[Symbol.asyncDispose]();
      way.release();
      const closing = performance.now();
      await client.close();
      expect(performance.now() - closing).toBeLessThan(10_000);
      await way[Symbol.asyncDispose]();
    }

    expect(await resourcesOnce(before)).toEqual(before);
    if (ref !== undefined) await expect.poll(() => running(address), { timeout: 10_000 }).not.toContain(ref);
  });
});

/** What holds this process. */
function resources(): readonly string[] {
  return process.getActiveResourcesInfo().sort();
}

/** The same once it is as it was, or after ten seconds. Without `expect.poll`, whose timers are among them. */
async function resourcesOnce(wanted: readonly string[]): Promise<readonly string[]> {
  for (let tries = 0; tries < 100 && resources().join() !== wanted.join(); tries++) await sleep(100);
  return resources();
}

/** Bytes that come one by one, for ever. */
async function* trickle(reach: () => void): AsyncGenerator<Uint8Array> {
  for (let count = 0; ; count++) {
    yield new Uint8Array(64 * 1024);
    if (count === 16) reach();
    if (count > 16) await sleep(20);
  }
}

/** Resolves once a step of the build has written something. */
async function firstWords(build: Build<unknown>): Promise<void> {
  for await (const event of build.events()) if (event.kind === "log") return;
}

/** Has everything loaded that a first call loads. */
async function warmUp(address: string): Promise<void> {
  await using client = await connect(address);
  await client.solve(fresh());
}

/** The references of the builds that run, by the daemon's own list. */
async function running(address: string): Promise<readonly string[]> {
  await using client = await connect(address);
  return (await client.history.list({ running: true })).map(({ ref }) => ref);
}
