import { type Client, connect, type SolveOptions } from "@buildkit-node/control";
import { SolveError, type VertexProgress } from "@buildkit-node/core";
import {
  bind,
  type ContentCache,
  copy,
  marshal,
  mkfile,
  type RunOptions,
  rm,
  type State,
  scratch,
  sourceMap,
} from "@buildkit-node/llb";
import { contentService, memoryStore } from "@buildkit-node/session";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { needsCapability } from "../../support/capabilities.ts";
import { describeGraphs, step } from "../../support/graph-cases.ts";
import { shellRoot, testRoot } from "../../support/test-root.ts";
import { describeEachDaemon } from "../../support/ways.ts";

describeEachDaemon("options of steps", ({ address }) => {
  let client: Client;
  let locals: Readonly<Record<string, string>>;
  beforeAll(async () => {
    client = await connect(address);
    ({ locals } = await testRoot());
  });
  afterAll(() => client?.close());

  const fresh = () => `${Date.now()} ${Math.random()}`;
  /** A step that leaves another file each time that it is carried out, and never one that an earlier test has made. */
  const chance = (key: string, options: RunOptions = {}): State =>
    shellRoot.run(["/bin/sh", "-c", `: ${key}; cat /proc/sys/kernel/random/uuid >/chance`], options);

  async function read(state: State, options: SolveOptions = {}): Promise<string> {
    let content = "";
    await client.build(
      async (gateway) => {
        content = Buffer.from(await (await gateway.solve(state)).readFile("/chance")).toString();
      },
      { ...options, locals },
    );
    return content;
  }

  /** The steps of a build as its progress shows them. */
  async function stepsOf(input: Parameters<Client["start"]>[0]): Promise<readonly VertexProgress[]> {
    const build = client.start(input, { locals });
    const steps = new Map<string, VertexProgress>();
    for await (const event of build.events()) {
      if (event.kind === "vertex") steps.set(event.vertex.digest, event.vertex);
    }
    await build.result;
    return [...steps.values()];
  }

  it("a step is found in the cache, unless ignoreCache", async () => {
    const key = fresh();
    const first = await read(chance(key));
    expect(await read(chance(key))).toBe(first);
    expect(await read(chance(key, { ignoreCache: true }))).not.toBe(first);
    expect(await read(chance(key, { name: "another name", description: { a: "b" } }))).not.toBe("");
  });

  it("ignoreCache for the whole graph", async () => {
    const state = chance(fresh());
    const first = await read(state);
    const definition = marshal(state, { platform: "linux/amd64", ignoreCache: true });
    const steps = await stepsOf(definition);
    expect(steps.some(({ name, cached }) => name.includes("random/uuid") && cached)).toBe(false);
    expect(await read(state)).not.toBe(first);
  });

  it("name is what progress shows, and no part of the step's identity", async () => {
    const key = fresh();
    const [named, plain] = [chance(key, { name: "roll the dice" }), chance(key)];
    const digests = [named, plain].map(
      (state) => marshal(state, { platform: "linux/amd64", localUniqueId: "x" }).head,
    );
    expect(digests[0]).toBe(digests[1]);
    expect((await stepsOf(named)).map(({ name }) => name)).toContain("roll the dice");
    expect((await stepsOf(plain)).map(({ name }) => name)).not.toContain("roll the dice");
  });

  it("progressGroup", async () => {
    const progressGroup = { id: fresh(), name: "dice", weak: true };
    const groups = (await stepsOf(chance(fresh(), { progressGroup }))).map((vertex) => vertex.progressGroup);
    expect(groups).toContainEqual(progressGroup);
  });

  it("progressGroup for the whole graph", async () => {
    const progressGroup = { id: fresh(), name: "all dice", weak: false };
    const steps = await stepsOf(marshal(chance(fresh()), { platform: "linux/amd64", progressGroup }));
    expect(steps.length).toBeGreaterThan(2);
    for (const vertex of steps) expect(vertex.progressGroup).toEqual(progressGroup);
  });

  it("locations: an error points at the line", async () => {
    const file = sourceMap({ filename: "dice.txt", language: "Dice", data: "roll\nroll again\n" });
    const start = { line: 2, character: 0 };
    const failing = chance(fresh()).run(["/bin/false"], {
      locations: [file.location({ start, end: { line: 2, character: 4 } })],
    });
    const error = await client.solve(failing, { locals }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(SolveError);
    expect((error as SolveError).sources).toMatchObject([
      { filename: "dice.txt", language: "Dice", ranges: [{ start, end: { line: 2, character: 4 } }] },
    ]);
  });

  it("exportCache: false keeps the files of a step that was cached out of exported caches", async (context) => {
    const count = async (options: RunOptions) => {
      const state = scratch().file(copy(chance(fresh(), options), "/chance", "/chance"));
      await read(state);
      return exportedSteps(state);
    };
    const all = await count({});
    if (all === undefined) return context.skip("the daemon exports no cache to a session");
    expect(await count({ exportCache: true })).toBe(all);
    expect(await count({ exportCache: false })).toBeLessThan(all);
  });

  /** How many steps have their files in the cache that the build of a state exports; undefined where the daemon cannot. */
  async function exportedSteps(state: State): Promise<number | undefined> {
    const blobs = memoryStore();
    try {
      await client.solve(state, {
        locals,
        cacheTo: [{ type: "local", attrs: { dest: "cache", mode: "max" } }],
        attachables: [contentService(new Map([["local:cache", blobs]]))],
      });
    } catch (error) {
      if (error instanceof SolveError && error.text.includes("cache export")) return undefined;
      throw error;
    }
    for await (const { digest } of blobs.list()) {
      const pieces: Uint8Array[] = [];
      for await (const piece of blobs.read(digest)) pieces.push(piece);
      const text = Buffer.concat(pieces).toString();
      if (text.startsWith('{"layers"')) return JSON.parse(text).records.filter(hasLayers).length;
    }
    return 0;
  }

  const hasLayers = (step: { readonly layers?: readonly unknown[] }) => step.layers !== undefined;

  describe("contentCache", () => {
    /** The same files, made in two ways. */
    const files = (key: string): readonly State[] => [
      scratch().file(mkfile("/f", key)),
      scratch().file([mkfile("/f", key), mkfile("/g", key), rm("/g")]),
    ];
    /** Whether a step that mounts the same files, made in another way, is found in the cache. */
    async function isFound(contentCache: ContentCache): Promise<boolean> {
      const key = fresh();
      const [first, second] = files(key).map((state) =>
        chance(key, { mounts: [bind("/m", state, { output: false, contentCache })] }),
      );
      return (await read(first!)) === (await read(second!));
    }

    it("on: a step is found by what is in its mount", async (context) => {
      await needsCapability(context, client, "exec.mount.cache.content");
      expect(await isFound("on")).toBe(true);
    });

    it("off: a step is found by how its mount was made", async (context) => {
      await needsCapability(context, client, "exec.mount.cache.content");
      expect(await isFound("off")).toBe(false);
    });
  });
});

describeGraphs("constraints", {
  "require: filters for workers": {
    state: () => step("echo ran", { require: ["worker.kind==any"] }),
    prints: "ran",
  },
  "description, beside other options": {
    state: () => step("echo ran", { description: { why: "because" }, exportCache: false }),
    prints: "ran",
  },
});
