import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { type Descriptor, mediaTypes, putInIndex } from "@buildkit-node/oci";
import {
  copyContent,
  memoryStore,
  ociLayoutStore,
  pruneLayout,
  readLayoutIndex,
  resolveInLayout,
  updateLayoutIndex,
} from "@buildkit-node/session";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { digestOf, readAll, storeBlob } from "./content-store-compliance.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "layout-index-"));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(dir, { recursive: true, force: true });
});

const descriptorOf = (mediaType: string, data: Uint8Array): Descriptor => ({
  mediaType,
  digest: digestOf(data) as Descriptor["digest"],
  size: data.length,
});

const manifest = (letter: string): Descriptor => descriptorOf(mediaTypes.ociManifest, Buffer.from(letter));

const lockPath = () => join(dir, "index.json.lock");

describe("the index of a layout", () => {
  it("is missing at first, then names what was put into it", async () => {
    expect(await readLayoutIndex(dir)).toBeUndefined();
    expect(await readLayoutIndex(join(dir, "absent"))).toBeUndefined();
    await updateLayoutIndex(dir, (index) => putInIndex(index, manifest("a"), [{ tag: "latest" }]));
    expect(JSON.parse(await readFile(join(dir, "oci-layout"), "utf8"))).toEqual({
      imageLayoutVersion: "1.0.0",
    });
    expect(JSON.parse(await readFile(join(dir, "index.json"), "utf8"))).toEqual({
      schemaVersion: 2,
      mediaType: mediaTypes.ociIndex,
      manifests: [{ ...manifest("a"), annotations: { "org.opencontainers.image.ref.name": "latest" } }],
    });
    expect((await readdir(dir)).sort()).toEqual(["index.json", "oci-layout"]);
    expect(await resolveInLayout(dir, "latest")).toMatchObject(manifest("a"));
    expect(await resolveInLayout(dir)).toMatchObject(manifest("a"));
    expect(await resolveInLayout(dir, "other")).toBeUndefined();
  });

  it("stays right over ten exports under changing tags", async () => {
    for (let round = 0; round < 10; round++) {
      const names = [{ tag: `v${round % 3}` }, { tag: "latest" }];
      await updateLayoutIndex(dir, (index) => putInIndex(index, manifest(String(round)), names));
    }
    const index = await readLayoutIndex(dir);
    expect(index?.manifests.length).toBe(4);
    for (const [tag, round] of [
      ["v0", "9"],
      ["v1", "7"],
      ["v2", "8"],
      ["latest", "9"],
    ] as const) {
      expect((await resolveInLayout(dir, tag))?.digest).toBe(manifest(round).digest);
    }
  });

  it("keeps what others wrote", async () => {
    const theirs = { ...manifest("x"), annotations: { "com.example.note": "theirs" } };
    await writeFile(
      join(dir, "index.json"),
      JSON.stringify({ schemaVersion: 2, manifests: [theirs], extra: [1] }),
    );
    await updateLayoutIndex(dir, (index) => putInIndex(index, manifest("a"), [{ tag: "latest" }]));
    expect(JSON.parse(await readFile(join(dir, "index.json"), "utf8"))).toMatchObject({
      extra: [1],
      manifests: [theirs, manifest("a")],
    });
  });

  it("refuses a file that is no index, and leaves it as it is", async () => {
    for (const text of ["{", "[1]", '"x"', '{"manifests": 1}']) {
      await writeFile(join(dir, "index.json"), text);
      const error = { code: "ERR_BUILDKIT_CONTENT", reason: "mismatch" };
      if (text !== "[1]") {
        await expect(readLayoutIndex(dir)).rejects.toMatchObject(error);
        await expect(updateLayoutIndex(dir, (index) => index)).rejects.toMatchObject(error);
        expect(await readFile(join(dir, "index.json"), "utf8")).toBe(text);
      }
    }
    await writeFile(join(dir, "index.json"), "");
    expect(await readLayoutIndex(dir)).toBeUndefined();
    await writeFile(join(dir, "index.json"), '{"schemaVersion":2,"manifests":null}');
    expect((await readLayoutIndex(dir))?.manifests).toEqual([]);
  });

  it("is left as it is, by the same file, where an update changes nothing", async () => {
    const put = (letter: string) =>
      updateLayoutIndex(dir, (index) => putInIndex(index, manifest(letter), [{ tag: "latest" }]));
    await put("a");
    const first = await stat(join(dir, "index.json"));
    await put("a");
    expect((await stat(join(dir, "index.json"))).ino).toBe(first.ino);
    await rm(join(dir, "oci-layout"));
    await put("a");
    expect(await readdir(dir)).toContain("oci-layout");
    await put("b");
    expect(await resolveInLayout(dir, "latest")).toMatchObject(manifest("b"));
  });

  it("loses no update of several at once", async () => {
    await Promise.all(
      Array.from({ length: 8 }, (_, number) =>
        updateLayoutIndex(
          dir,
          (index) => putInIndex(index, manifest(String(number)), [{ tag: `t${number}` }]),
          {
            lockWaitMs: 20_000,
          },
        ),
      ),
    );
    expect((await readLayoutIndex(dir))?.manifests.length).toBe(8);
  });

  it.runIf(process.platform === "linux")(
    "waits for a flock of another process, and then gives up",
    async () => {
      await updateLayoutIndex(dir, (index) => index);
      const holder = spawn("flock", ["-x", lockPath(), "sh", "-c", "echo held; exec cat"]);
      await once(holder.stdout, "data");
      const locked = { code: "ERR_BUILDKIT_DESTINATION", message: expect.stringContaining(lockPath()) };
      await expect(updateLayoutIndex(dir, (index) => index, { lockWaitMs: 100 })).rejects.toMatchObject(
        locked,
      );
      await expect(readLayoutIndex(dir, { lockWaitMs: 0 })).rejects.toMatchObject(locked);
      const waiting = updateLayoutIndex(dir, (index) => putInIndex(index, manifest("a")), {
        lockWaitMs: 20_000,
      });
      holder.stdin.end();
      await waiting;
      expect((await readLayoutIndex(dir))?.manifests.length).toBe(1);
    },
  );

  it("stops waiting when the caller does", async () => {
    vi.stubEnv("PATH", dir);
    await writeFile(lockPath(), `${hostname()} ${process.pid}`);
    const reason = new Error("enough");
    const controller = new AbortController();
    const waiting = updateLayoutIndex(dir, (index) => index, { signal: controller.signal });
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
  });

  it("locks by the file's existence where there is no flock program", async () => {
    vi.stubEnv("PATH", dir);
    await updateLayoutIndex(dir, (index) => putInIndex(index, manifest("a")));
    expect((await readdir(dir)).sort()).toEqual(["index.json", "oci-layout"]);

    await writeFile(lockPath(), `${hostname()} ${process.pid}`);
    await expect(updateLayoutIndex(dir, (index) => index, { lockWaitMs: 0 })).rejects.toMatchObject({
      code: "ERR_BUILDKIT_DESTINATION",
    });
    expect((await readLayoutIndex(dir))?.manifests.length).toBe(1);

    const child = spawn(process.execPath, ["-e", ""]);
    await once(child, "exit");
    await writeFile(lockPath(), `${hostname()} ${child.pid}`);
    await updateLayoutIndex(dir, (index) => putInIndex(index, manifest("b")));
    expect((await readLayoutIndex(dir))?.manifests.length).toBe(2);
  });

  it("says where it cannot write", async () => {
    await writeFile(join(dir, "file"), "");
    await expect(updateLayoutIndex(join(dir, "file"), (index) => index)).rejects.toMatchObject({
      code: "ERR_BUILDKIT_DESTINATION",
      message: expect.stringContaining(join(dir, "file")),
    });
    await expect(readLayoutIndex(join(dir, "file"))).rejects.toMatchObject({
      code: "ERR_BUILDKIT_LOCAL_SOURCE",
      message: `cannot read ${join(dir, "file", "index.json")}: a file is in the way of a directory`,
    });
  });

  it("says which of its files it cannot write", async () => {
    await mkdir(join(dir, "oci-layout"));
    await expect(updateLayoutIndex(dir, (index) => index)).rejects.toMatchObject({
      code: "ERR_BUILDKIT_DESTINATION",
      path: join(dir, "oci-layout"),
    });
  });

  it("says where no directory can be made", async ({ skip }) => {
    if (process.platform !== "linux") skip("needs /proc");
    await expect(updateLayoutIndex("/proc/nope/layout", (index) => index)).rejects.toMatchObject({
      code: "ERR_BUILDKIT_DESTINATION",
      path: "/proc/nope/layout",
      systemCode: "ENOENT",
    });
  });
});

describe("what an image leads to", () => {
  async function image(
    store: ReturnType<typeof memoryStore>,
    layers: readonly string[],
    type: "manifest" | "index",
  ) {
    const blob = async (mediaType: string, text: string) => {
      await storeBlob(store, Buffer.from(text)).catch(() => {});
      return descriptorOf(mediaType, Buffer.from(text));
    };
    const config = await blob(mediaTypes.ociConfig, `config of ${layers}`);
    const layerDescriptors = await Promise.all(layers.map((layer) => blob("application/x.layer", layer)));
    const document = {
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config,
      layers: layerDescriptors,
    };
    const root = await blob(mediaTypes.ociManifest, JSON.stringify(document));
    if (type === "manifest") return root;
    return blob(mediaTypes.ociIndex, JSON.stringify({ schemaVersion: 2, manifests: [root] }));
  }

  async function digests(store: ReturnType<typeof memoryStore>): Promise<string[]> {
    const all: string[] = [];
    for await (const { digest } of store.list()) all.push(digest);
    return all.sort();
  }

  it("is copied, and nothing else", async () => {
    const staging = memoryStore();
    const one = await image(staging, ["base", "one"], "index");
    const two = await image(staging, ["base", "two"], "manifest");
    const target = ociLayoutStore(dir);
    await copyContent(staging, target, one);
    expect((await digests(target)).length).toBe(5);
    await expect(target.info(two.digest)).rejects.toMatchObject({ reason: "not-found" });
    await copyContent(staging, target, two);
    expect(await digests(target)).toEqual(await digests(staging));
    await copyContent(staging, target, two);
    expect((await readAll(target.read(two.digest))).length).toBe(two.size);
  });

  it("is not taken for whole when a manifest is missing or broken, and the root is never stored then", async () => {
    const staging = memoryStore();
    const root = await image(staging, ["base"], "index");
    const other = await image(memoryStore(), ["elsewhere"], "manifest");
    const target = memoryStore();
    await expect(copyContent(staging, target, other)).rejects.toMatchObject({ reason: "not-found" });
    await storeBlob(staging, Buffer.from("no manifest"));
    const broken = descriptorOf(mediaTypes.ociManifest, Buffer.from("no manifest"));
    await expect(copyContent(staging, target, broken)).rejects.toMatchObject({ reason: "mismatch" });
    expect(await digests(target)).toEqual([]);
    await staging.delete(digestOf(Buffer.from("config of base")));
    await copyContent(staging, target, root);
    expect((await digests(target)).length).toBe(3);
  });

  it("stays when a layout is pruned, and the rest goes", async () => {
    const store = ociLayoutStore(dir);
    const kept = await image(store, ["base", "kept"], "index");
    await image(store, ["base", "dropped"], "manifest");
    await updateLayoutIndex(dir, (index) => putInIndex(index, kept, [{ tag: "latest" }]));
    expect((await digests(store)).length).toBe(8);
    expect(await pruneLayout(dir)).toBe(3);
    expect((await digests(store)).length).toBe(5);
    expect(await pruneLayout(dir)).toBe(0);
  });

  it("is not pruned when it cannot be told", async () => {
    const store = ociLayoutStore(dir);
    await storeBlob(store, Buffer.from("a blob"));
    expect(await pruneLayout(dir)).toBe(0);
    await updateLayoutIndex(dir, (index) => putInIndex(index, manifest("missing"), [{ tag: "latest" }]));
    await expect(pruneLayout(dir)).rejects.toMatchObject({ reason: "not-found" });
    expect((await digests(store)).length).toBe(1);
    await mkdir(join(dir, "empty"));
    expect(await pruneLayout(join(dir, "empty"))).toBe(0);
  });
});
