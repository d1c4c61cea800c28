import type { Manifest } from "@buildkit-node/oci";
import { memoryStore, resolveInLayout } from "@buildkit-node/session";
import { type Client, connect, copyImages, type ImageRequest, image, oci } from "buildkit-node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Registry, startRegistry } from "../support/registry.ts";
import { putPlatform, putTestImage, storePlace } from "../support/test-image.ts";
import { workDirectory } from "../support/tools.ts";
import { describeEachDaemon } from "../support/ways.ts";

const amd64 = { os: "linux", architecture: "amd64" };
const arm64 = { os: "linux", architecture: "arm64" };
const armv7 = { os: "linux", architecture: "arm", variant: "v7" };

describeEachDaemon("copyImages", (way) => {
  let registry: Registry;
  let client: Client;
  beforeAll(async () => {
    registry = await startRegistry();
    await putTestImage(registry, "multi", { tag: "1", platforms: [amd64, arm64] });
    await putPlatform(registry, "single", armv7, "1");
    client = await connect(way.address);
  });
  afterAll(async () => {
    await client.close();
    await registry[Symbol.asyncDispose]();
  });

  const everything = (name: string, request: ImageRequest = {}) =>
    client.resolveImageConfig(`${registry.host}/${name}`, {
      everyPlatform: true,
      resolveMode: "pull",
      ...request,
    });
  const layersOf = (manifest: Manifest | undefined) =>
    manifest?.layers.map(({ digest, size }) => ({ digest, size }));

  it("gives an image another name, with the same layers and annotations", async () => {
    const name = `${registry.host}/copied:1`;
    await client.build(copyImages([`${registry.host}/multi:1`]), { exports: [image({ name, push: true })] });
    const [from, to] = [await everything("multi:1"), await everything("copied:1")];
    expect(to.platforms.map(({ platform }) => platform)).toEqual(
      from.platforms.map(({ platform }) => platform),
    );
    for (const [index, copy] of to.platforms.entries()) {
      const original = from.platforms[index];
      expect(layersOf(copy.manifest)).toEqual(layersOf(original?.manifest));
      expect(copy.config?.config).toEqual(original?.config?.config);
      expect(copy.config?.rootfs).toEqual(original?.config?.rootfs);
      expect(copy.manifest?.annotations).toEqual(original?.manifest?.annotations);
      expect(copy.descriptor.annotations).toMatchObject(original?.descriptor.annotations ?? {});
    }
    expect(to.index?.annotations).toEqual(from.index?.annotations);
  });

  it("puts platforms of several images into one index", async () => {
    const name = `${registry.host}/composed:1`;
    const sources = [
      { ref: `${registry.host}/multi:1`, platforms: ["linux/arm64"] },
      `${registry.host}/single:1`,
    ];
    await client.build(copyImages(sources), { exports: [image({ name, push: true })] });
    const { platforms } = await everything("composed:1", { platform: "linux/arm64" });
    expect(platforms.map(({ platform }) => platform)).toEqual([arm64, armv7]);
  });

  it("takes from an OCI layout, and saves into one", async () => {
    await using work = await workDirectory();
    const store = memoryStore();
    const { index } = await putTestImage(storePlace(store), "multi", { tag: "1", platforms: [amd64, arm64] });
    await client.build(copyImages([{ ref: `example.org/multi@${index.digest}`, store: "from" }]), {
      layouts: { from: store },
      exports: [oci({ tar: false, dest: work.in("to"), tags: ["copy"] })],
    });
    const root = await resolveInLayout(work.in("to"), "copy");
    const copied = await client.resolveImageConfig(`example.org/multi@${root?.digest}`, {
      store: "to",
      layouts: { to: work.in("to") },
    });
    expect(copied.platforms.map(({ platform }) => platform)).toEqual([amd64, arm64]);
  });

  it("refuses what it cannot find, and the same platform twice", async () => {
    const exports = [image({ name: `${registry.host}/refused:1`, push: true })];
    const ref = `${registry.host}/single:1`;
    expect(() => copyImages([])).toThrow("no image");
    await expect(
      client.build(copyImages([{ ref, platforms: ["linux/amd64"] }]), { exports }),
    ).rejects.toMatchObject({
      code: "ERR_BUILDKIT_IMAGE",
      problem: "no-platform",
    });
    await expect(client.build(copyImages([ref, ref]), { exports })).rejects.toMatchObject({
      code: "ERR_BUILDKIT_INVALID_ARGUMENT",
      argument: "platforms",
    });
    await expect(client.build(copyImages([`${registry.host}/nope:1`]), { exports })).rejects.toMatchObject({
      problem: "not-found",
    });
  });
});
