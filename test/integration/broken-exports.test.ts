import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, stat, truncate, writeFile } from "node:fs/promises";
import path from "node:path";
import { connect } from "@buildkit-node/control";
import { image, oci } from "@buildkit-node/exporters";
import {
  copy,
  image as imageSource,
  local,
  mkfile,
  ociLayout,
  type State,
  scratch,
} from "@buildkit-node/llb";
import { ociLayoutStore, readLayoutIndex, resolveInLayout } from "@buildkit-node/session";
import { expect, it } from "vitest";
import { needsCapability } from "../support/capabilities.ts";
import { startScriptedRegistry } from "../support/scripted-registry.ts";
import { smallDisk } from "../support/small-disk.ts";
import { type WorkDirectory, workDirectory } from "../support/tools.ts";
import { describeEachDaemon } from "../support/ways.ts";

const fresh = () => `${Date.now()} ${Math.random()}`;
const files = (text = fresh()): State => scratch().file(mkfile("/file", text));

/** A tree with a file of 8 MB that does not compress. */
async function large(
  work: WorkDirectory,
): Promise<{ readonly state: State; readonly locals: { source: string } }> {
  const source = work.in("source");
  await mkdir(source, { recursive: true });
  const bytes = Buffer.alloc(8_000_000);
  for (let at = 0; at < bytes.length; at += 40_000) crypto.getRandomValues(bytes.subarray(at, at + 40_000));
  await writeFile(path.join(source, "large"), bytes);
  return { state: scratch().file(copy(local("source"), "large", "/large")), locals: { source } };
}

async function digestsOnDisk(layout: string): Promise<readonly string[]> {
  const digests: string[] = [];
  for await (const { digest } of ociLayoutStore(layout).list()) digests.push(digest);
  return digests.sort();
}

describeEachDaemon("a registry that refuses", ({ address }) => {
  it.each([401, 403, 404, 429, 500])(
    "with %i fails the push, and no other export of the build looks whole",
    async (status) => {
      await using work = await workDirectory();
      await using registry = await startScriptedRegistry(status);
      await using client = await connect(address);
      const pushed = image({ name: `${registry.host}/some/app:1`, push: true, insecure: true });
      const archive = oci({ dest: work.in("out.tar") });
      const layout = oci({ tar: false, dest: work.in("layout") });
      const several = (await client.capabilities()).llb.get("exporter.multiple")?.enabled === true;
      const exports = several ? [archive, layout, pushed] : [pushed];
      await expect(client.solve(files(), { exports })).rejects.toMatchObject({
        code: "ERR_BUILDKIT_SOLVE",
        text: expect.stringMatching(
          /scripted|40[134]|429|500|unauthorized|forbidden|authorization|not found/i,
        ),
      });
      expect((await readdir(work.path)).filter((name) => name !== "layout")).toEqual([]);
      expect(await readLayoutIndex(work.in("layout"))).toBeUndefined();
    },
  );

  it.each([401, 404, 500])(
    "with %i fails the build that needs its image, naming it as far as the daemon does",
    async (status) => {
      await using registry = await startScriptedRegistry(status);
      await using client = await connect(address);
      const name = `${registry.host}/some/base:1`;
      const state = imageSource(name).file(mkfile("/file", fresh()));
      await expect(client.solve(state)).rejects.toMatchObject({
        code: "ERR_BUILDKIT_SOLVE",
        text: expect.stringContaining(registry.host),
      });
      await expect(client.solve(state, { exports: [image()] })).rejects.toMatchObject({
        message: expect.stringContaining(registry.host),
      });
    },
  );

  it("by not answering holds nobody who does not want to wait", async () => {
    await using work = await workDirectory();
    await using registry = await startScriptedRegistry("hang");
    await using client = await connect(address);
    const stop = new AbortController();
    const building = client.solve(files(), {
      exports: [image({ name: `${registry.host}/some/app:1`, push: true, insecure: true })],
      signal: stop.signal,
    });
    building.catch(() => {});
    await registry.asked;
    const reason = new Error("enough");
    stop.abort(reason);
    await expect(building).rejects.toBe(reason);
    expect(await readdir(work.path)).toEqual([]);
  });
});

describeEachDaemon("an export", ({ address }) => {
  it("to a disk that is full says so, and leaves nothing that looks whole", async (context) => {
    await using work = await workDirectory();
    using disk = smallDisk(context, 4_000_000);
    await using client = await connect(address);
    const { state, locals } = await large(work);
    const full = { code: "ERR_BUILDKIT_DESTINATION", message: expect.stringMatching(/no space/i) };
    const archive = path.join(disk.path, "out.tar");
    await expect(client.solve(state, { locals, exports: [oci({ dest: archive })] })).rejects.toMatchObject(
      full,
    );
    expect(await readdir(disk.path)).toEqual([]);
    const dest = path.join(disk.path, "layout");
    const layout = [oci({ tar: false, dest })];
    await expect(client.solve(state, { locals, exports: layout })).rejects.toMatchObject(full);
    expect(await readLayoutIndex(dest)).toBeUndefined();
    const caches = [{ type: "local", dest: path.join(disk.path, "cache"), mode: "max" }] as const;
    await expect(client.solve(state, { locals, cacheTo: caches })).rejects.toMatchObject(full);
    expect(await readLayoutIndex(path.join(disk.path, "cache"))).toBeUndefined();
  });

  it("into a layout that another process keeps locked fails before the build", async () => {
    await using work = await workDirectory();
    await using client = await connect(address);
    const dest = work.in("layout");
    await client.solve(files(), { exports: [oci({ tar: false, dest })] });
    const lock = path.join(dest, "index.json.lock");
    const holder = spawn("flock", ["-x", lock, "sh", "-c", "echo held; exec sleep 60"], {
      stdio: ["ignore", "pipe", "ignore"],
      detached: true,
    });
    await once(holder.stdout, "data");
    try {
      const locked = client.start(files(), { exports: [oci({ tar: false, dest })] });
      await expect(locked.result).rejects.toMatchObject({
        code: "ERR_BUILDKIT_DESTINATION",
        message: expect.stringContaining(lock),
      });
      expect(await client.history.get(locked.ref)).toBeUndefined();
    } finally {
      process.kill(-(holder.pid ?? 0), "SIGKILL");
      await once(holder, "exit");
    }
    await client.solve(files(), { exports: [oci({ tar: false, dest })] });
    expect((await readLayoutIndex(dest))?.manifests.length).toBe(1);
  });

  it("that is given up leads nowhere, and the next one goes on from there", async () => {
    await using work = await workDirectory();
    await using client = await connect(address);
    const { state, locals } = await large(work);
    const dest = work.in("layout");
    const stop = new AbortController();
    const begun = () => stop.abort(new Error("given up"));
    const watch = setInterval(() => void stat(path.join(dest, "ingest")).then(begun, () => {}), 1);
    const given = client.solve(state, { locals, exports: [oci({ tar: false, dest })], signal: stop.signal });
    await expect(given).rejects.toThrow("given up");
    clearInterval(watch);
    expect(await readLayoutIndex(dest)).toBeUndefined();
    const { exports } = await client.solve(state, { locals, exports: [oci({ tar: false, dest })] });
    expect(await resolveInLayout(dest)).toMatchObject({ digest: exports[0].digest });
    expect(await readdir(path.join(dest, "ingest"))).toEqual([]);
    const whole = work.in("whole");
    const again = await client.solve(state, { locals, exports: [oci({ tar: false, dest: whole })] });
    expect(again.exports[0].digest).toBe(exports[0].digest);
    expect(await digestsOnDisk(dest)).toEqual(await digestsOnDisk(whole));
  });
});

describeEachDaemon("a layout", ({ address, ours }) => {
  it("whose blob is cut short fails the build that reads it", async (context) => {
    if (!ours) context.skip("a daemon that is not ours cannot be made to forget what it has built");
    await using work = await workDirectory();
    await using client = await connect(address);
    await needsCapability(context, client, "source.ocilayout");
    const dest = work.in("layout");
    const { exports } = await client.solve(files(), { exports: [oci({ tar: false, dest })] });
    const { digest = "" } = exports[0];
    const blob = (one: string) => path.join(dest, "blobs", ...one.split(":"));
    const manifest = JSON.parse(await readFile(blob(digest), "utf8"));
    await client.prune({ all: true });
    await truncate(blob(manifest.layers[0].digest), manifest.layers[0].size - 1);
    const state = ociLayout(`layout/base@${digest}`, { store: "base" }).file(mkfile("/more", fresh()));
    await expect(client.solve(state, { layouts: { base: dest } })).rejects.toMatchObject({
      code: expect.stringMatching(/SOLVE|CONTENT/),
    });
  });

  it("is a source of a graph and a context of a Dockerfile, and says what it lacks", async (context) => {
    await using work = await workDirectory();
    await using client = await connect(address);
    await needsCapability(context, client, "source.ocilayout");
    const dest = work.in("layout");
    const text = fresh();
    const { exports } = await client.solve(files(text), {
      exports: [oci({ tar: false, dest, tags: ["a"] })],
    });
    const state = ociLayout(`layout/base@${exports[0].digest}`, { store: "base" });
    let read = "";
    await client.build(
      async (gateway) => {
        read = Buffer.from(await (await gateway.solve(state)).readFile("/file")).toString();
      },
      { layouts: { base: dest } },
    );
    expect(read).toBe(text);
    const dockerfile = work.in("Dockerfile");
    await writeFile(dockerfile, "FROM base\nCOPY --from=base /file /again\n");
    const build = (source: string, out: string) =>
      client.solveDockerfile({
        context: work.path,
        contexts: { base: source },
        exports: [oci({ tar: false, dest: work.in(out) })],
      });
    for (const [place, source] of [dest, `${dest}:a`, `${dest}@${exports[0].digest}`].entries()) {
      await build(`oci-layout://${source}`, `out-${place}`);
    }
    expect(await resolveInLayout(work.in("out-0"))).toMatchObject({
      digest: (await resolveInLayout(work.in("out-2")))?.digest,
    });
    await expect(build(`oci-layout://${dest}:b`, "out")).rejects.toMatchObject({ argument: "contexts.base" });
    await expect(build(`oci-layout://${work.path}`, "out")).rejects.toMatchObject({
      argument: "contexts.base",
    });
  });
});
