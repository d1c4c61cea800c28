import { access, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type CacheExport, type CacheImport, connect, type SolveOptions } from "@buildkit-node/control";
import { image, local, oci } from "@buildkit-node/exporters";
import type { State } from "@buildkit-node/llb";
import { type AuthOptions, fixedCredentials, readLayoutIndex } from "@buildkit-node/session";
import { afterAll, beforeAll, expect, it, type TestContext } from "vitest";
import { type Registry, startRegistry } from "../support/registry.ts";
import { forgetEverything } from "../support/session-build.ts";
import { shell, toolsDirectory, toolsRoot, workDirectory } from "../support/tools.ts";
import { describeEachDaemon, type Way } from "../support/ways.ts";

const user = { username: "me", password: "opensesame" };
/** `user`'s line of an htpasswd file. */
const htpasswd = "me:$2y$05$abcdefghijklmnopqrstuuQbLfdQZSxZ9gjhA5V9o8Tyc6aQRO0Qi\n";

let dir: string;
let registry: Registry;
let guarded: Registry;
beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), "bk-caches-"));
  await writeFile(path.join(dir, "htpasswd"), htpasswd);
  registry = await startRegistry();
  guarded = await startRegistry({ auth: { htpasswd: { realm: "basic", path: path.join(dir, "htpasswd") } } });
});
afterAll(async () => {
  await guarded?.[Symbol.asyncDispose]();
  await registry?.[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

/** A step whose result nobody can guess: the same again means that it was not run again. */
function random(text: string): State {
  return toolsRoot().run(
    shell(`echo ${text}; busybox dd if=/dev/urandom bs=16 count=1 | busybox od -x > /random`),
  );
}

type Caches = Pick<SolveOptions, "cacheFrom" | "cacheTo" | "auth">;

/** Builds, and gives what the step made. */
async function build(way: Way, state: State, caches: Caches, name?: string): Promise<string> {
  await using work = await workDirectory();
  await using client = await connect(way.address);
  await client.solve(state, {
    locals: { tools: await toolsDirectory(work.path) },
    ...caches,
    exports: [local({ dest: work.in("out") })],
  });
  if (name !== undefined) {
    const pushed = image({ name, push: true, insecure: true });
    await client.solve(state, {
      locals: { tools: await toolsDirectory(work.path) },
      ...caches,
      exports: [pushed],
    });
  }
  return readFile(work.in("out", "random"), "utf8");
}

/** What the step made comes back from the caches to a daemon that has forgotten all. */
async function expectHit(
  way: Way,
  state: State,
  first: string,
  cacheFrom: readonly CacheImport[],
  auth?: AuthOptions,
): Promise<void> {
  await forgetEverything(way);
  expect(await build(way, state, { cacheFrom, ...(auth && { auth }) })).toBe(first);
}

function needsOwn(context: TestContext, way: Way): void {
  if (!way.ours) context.skip("a daemon that is not ours cannot be made to forget what it has built");
}

describeEachDaemon("a cache in a directory", (way) => {
  it("gives back what was made, under the tags that it has", async (context) => {
    needsOwn(context, way);
    await using work = await workDirectory();
    const [one, two] = [random(`one ${work.path}`), random(`two ${work.path}`)];
    const dest = work.in("cache");
    const cacheTo: CacheExport = { type: "local", dest, mode: "max", compression: "uncompressed" };
    const first = await build(way, one, { cacheTo: [cacheTo] });
    const second = await build(way, two, { cacheTo: [{ ...cacheTo, tag: ["two", "other"] }] });
    await expectHit(way, one, first, [{ type: "local", src: dest }]);
    await expectHit(way, two, second, [{ type: "local", src: dest, tag: "two" }]);
    const index = await readLayoutIndex(dest);
    const digest = index?.manifests.at(-1)?.digest ?? "";
    await expectHit(way, two, second, [{ type: "local", src: dest, digest }]);

    await build(way, one, { cacheTo: [{ ...cacheTo, tag: "two" }] });
    await forgetEverything(way);
    expect(await build(way, two, { cacheFrom: [{ type: "local", src: dest, tag: "two" }] })).not.toBe(second);
  });

  it("loses what no tag leads to, if that is wanted", async () => {
    await using work = await workDirectory();
    const dest = work.in("cache");
    const cacheTo = { type: "local", dest, mode: "max" } as const;
    const blobs = async () => (await readdir(path.join(dest, "blobs", "sha256"))).length;
    await build(way, random(`one ${work.path}`), { cacheTo: [cacheTo] });
    const once = await blobs();
    await build(way, random(`two ${work.path}`), { cacheTo: [cacheTo] });
    expect(await blobs()).toBeGreaterThan(once);
    await build(way, random(`three ${work.path}`), { cacheTo: [{ ...cacheTo, reset: true }] });
    expect(await blobs()).toBe(once);
  });

  it("leaves an image alone that the same build files in the same directory", async () => {
    await using work = await workDirectory();
    const dest = work.in("both");
    const cacheTo = [{ type: "local", dest, mode: "max", tag: "cache", reset: true }] as const;
    await using client = await connect(way.address);
    const exports = [oci({ dest, tar: false, tags: ["image"] })];
    const locals = { tools: await toolsDirectory(work.path) };
    await client.solve(random(work.path), { locals, exports, cacheTo });
    const index = await readLayoutIndex(dest);
    expect(
      index?.manifests.map(({ annotations }) => annotations?.["org.opencontainers.image.ref.name"]),
    ).toEqual(expect.arrayContaining(["image", "cache"]));
    const blob = (digest: string) => path.join(dest, "blobs", ...digest.split(":"));
    for (const { digest } of index?.manifests ?? []) {
      // A cache may be an index.
      const { config, layers = [], manifests = [] } = JSON.parse(await readFile(blob(digest), "utf8"));
      for (const one of [config ?? [], layers, manifests].flat()) await access(blob(one.digest));
    }
  });

  it("is written beside others, each with its own content", async () => {
    await using work = await workDirectory();
    const [gzip, plain] = [work.in("gzip"), work.in("plain")];
    await build(way, random(work.path), {
      cacheTo: [
        { type: "local", dest: gzip, mode: "max", compression: "gzip", forceCompression: true },
        { type: "local", dest: plain, mode: "max", compression: "uncompressed", forceCompression: true },
      ],
    });
    const digests = await Promise.all(
      [gzip, plain].map(async (one) => (await readLayoutIndex(one))?.manifests.map(({ digest }) => digest)),
    );
    expect(digests.map((list) => list?.length)).toEqual([1, 1]);
    for (const [place, list] of [gzip, plain].map((one, at) => [one, digests[at]] as const)) {
      const [algorithm = "", hex = ""] = list?.[0]?.split(":") ?? [];
      const manifest = JSON.parse(await readFile(path.join(place, "blobs", algorithm, hex), "utf8"));
      for (const { digest } of manifest.layers ?? manifest.manifests) {
        expect(await readdir(path.join(place, "blobs", "sha256"))).toContain(digest.split(":")[1]);
      }
    }
    expect(digests[0]).not.toEqual(digests[1]);
  });

  it("is passed over where there is none, unless it is required", async () => {
    await using work = await workDirectory();
    const none = { type: "local", src: work.in("none") } as const;
    await build(way, random(work.path), { cacheFrom: [none] });
    const required = build(way, random(work.path), { cacheFrom: [{ ...none, required: true }] });
    await expect(required).rejects.toMatchObject({ argument: "cacheFrom" });
    await writeFile(work.in("index.json"), "{");
    const broken = build(way, random(work.path), { cacheFrom: [{ type: "local", src: work.path }] });
    await expect(broken).rejects.toMatchObject({ code: "ERR_BUILDKIT_CONTENT" });
  });
});

describeEachDaemon("a cache in a registry", (way) => {
  const repository = `${way.daemon.replaceAll(/[^a-z]/gi, "").toLowerCase()}/cache`;
  const as = (password: string): AuthOptions => ({
    credentials: fixedCredentials({ [guarded.host]: { ...user, password } }),
  });

  it("gives back what was made, to who has the password", async (context) => {
    needsOwn(context, way);
    const ref = `${guarded.host}/${repository}:max`;
    const state = random(ref + Date.now());
    const cache = { type: "registry", ref, insecure: true } as const;
    const auth = as(user.password);
    const first = await build(way, state, { cacheTo: [{ ...cache, mode: "max" }], auth });
    await expectHit(way, state, first, [cache], auth);
  });

  it("that cannot be written fails the build, unless that is ignored", async () => {
    const ref = `${guarded.host}/${repository}:refused`;
    const state = random(ref + Date.now());
    const cache = { type: "registry", ref, insecure: true, mode: "max" } as const;
    const refused = build(way, state, { cacheTo: [cache], auth: as("wrong") });
    await expect(refused).rejects.toMatchObject({
      code: "ERR_BUILDKIT_SOLVE",
      text: expect.stringMatching(/401|unauthorized|no basic auth credentials|authorization failed/i),
    });
    await build(way, state, { cacheTo: [{ ...cache, ignoreError: true }], auth: as("wrong") });
  });

  it("lies within an image", async (context) => {
    needsOwn(context, way);
    const name = `${registry.host}/${repository}:inline`;
    const state = random(name + Date.now());
    const first = await build(way, state, { cacheTo: [{ type: "inline" }] }, name);
    await expectHit(way, state, first, [{ type: "registry", ref: name, insecure: true }]);
  });
});
