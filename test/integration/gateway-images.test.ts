import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import { connect, type ResolveImageOptions } from "@buildkit-node/control";
import { image as exportImage } from "@buildkit-node/exporters";
import { hasCapability, imageResult, type ResolvedImage } from "@buildkit-node/gateway";
import * as llb from "@buildkit-node/llb";
import { memoryStore } from "@buildkit-node/session";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startEngine } from "../../scripts/debian/engines.ts";
import { type Registry, startRegistry } from "../support/registry.ts";
import { putPlatform, putTestImage, storePlace, type TestImage } from "../support/test-image.ts";
import { describeDestructive, describeEachDaemon } from "../support/ways.ts";

const platforms = [
  { os: "linux", architecture: "amd64" },
  { os: "linux", architecture: "arm64" },
  { os: "linux", architecture: "arm", variant: "v7" },
];

let registry: Registry;
let image: TestImage;
beforeAll(async () => {
  registry = await startRegistry();
  image = await putTestImage(registry, "multi", { tag: "1", platforms });
  await putPlatform(registry, "single", { os: "linux", architecture: "amd64" }, "1");
});
afterAll(() => registry[Symbol.asyncDispose]());

type Resolve = (address: string, ref: string, options: ResolveImageOptions) => Promise<ResolvedImage>;

/** Through the client, and through the gateway of a build. */
const waysIn: readonly [string, Resolve][] = [
  [
    "the client",
    async (address, ref, options) => {
      await using client = await connect(address);
      return await client.resolveImageConfig(ref, options);
    },
  ],
  [
    "a build",
    async (address, ref, { layouts = {}, ...request }) => {
      await using client = await connect(address);
      const found: ResolvedImage[] = [];
      await client.build(
        async (gateway) => {
          found.push(await gateway.resolveImageConfig(ref, request));
        },
        { internal: true, layouts },
      );
      return found[0]!;
    },
  ],
];

describeEachDaemon("resolveImageConfig", (way) => {
  it.each(waysIn)(
    "gives what the registry serves, byte for byte, for every platform, through %s",
    async (_, resolve) => {
      for (const { platform, manifest } of image.platforms) {
        const found = await resolve(way.address, `${registry.host}/multi:1`, { platform });
        expect(found).toMatchObject({ digest: image.index.digest, platform, warnings: [] });
        expect(found.incomplete).toBeUndefined();
        expect(found.manifestDigest).toBe(manifest.digest);
        expect(equal(found.raw.index, await registry.getManifest("multi", "1"))).toBe(true);
        expect(equal(found.raw.manifest, await registry.getManifest("multi", manifest.digest))).toBe(true);
        expect(equal(found.raw.config, await registry.getBlob("multi", found.manifest!.config.digest))).toBe(
          true,
        );
        expect(found.config.config?.Env).toContain(`ARCH=${platform.architecture}`);
        expect(found.annotations).toEqual({
          "org.example.index": "yes",
          "org.example.entry": platform.architecture,
          "org.example.manifest": platform.architecture,
        });
        expect(found.platforms.map(({ digest }) => digest)).toEqual(
          image.platforms.map((one) => one.manifest.digest),
        );
        expect(found.layers).toHaveLength(1);
      }
    },
  );

  it.each(waysIn)("gives what an OCI layout holds, byte for byte, through %s", async (_, resolve) => {
    const store = memoryStore();
    const { index, platforms: stored } = await putTestImage(storePlace(store), "multi", {
      tag: "1",
      platforms,
    });
    const layouts = { layout: store };
    for (const { platform, manifest } of stored) {
      const options = { platform, store: "layout", layouts };
      const found = await resolve(way.address, `example.org/multi@${index.digest}`, options);
      expect(found).toMatchObject({ digest: index.digest, platform, warnings: [] });
      expect(equal(found.raw.index, await read(store, index.digest))).toBe(true);
      expect(equal(found.raw.manifest, await read(store, manifest.digest))).toBe(true);
      expect(equal(found.raw.config, await read(store, found.manifest!.config.digest))).toBe(true);
    }
    const nowhere = resolve(way.address, `example.org/multi@sha256:${"0".repeat(64)}`, {
      store: "layout",
      layouts,
    });
    await expect(nowhere).rejects.toMatchObject({ code: "ERR_BUILDKIT_IMAGE", problem: "not-found" });
  });

  it("tells every platform's size, and what is attested", async () => {
    await using client = await connect(way.address);
    const request = { everyPlatform: true, attestations: true, platform: "linux/arm64" };
    const found = await client.resolveImageConfig(`${registry.host}/multi:1`, request);
    for (const [index, one] of found.platforms.entries()) {
      const { digest } = image.platforms[index]!.manifest;
      expect(equal(one.raw?.manifest, await registry.getManifest("multi", digest))).toBe(true);
      expect(one.contentBytes).toBe((one.manifest?.config.size ?? 0) + (one.manifest?.layers[0]?.size ?? 0));
    }
    const [attestation] = found.attestations ?? [];
    expect(attestation?.subject).toBe(image.platforms[1]!.manifest.digest);
    expect(equal(attestation?.raw, await registry.getManifest("multi", image.attestations[1]!.digest))).toBe(
      true,
    );
    const [statement] = attestation?.statements ?? [];
    expect(statement?.predicateType).toBe("https://spdx.dev/Document");
    if (hasCapability(await client.capabilities(), "source.imageblob")) {
      expect(JSON.parse(new TextDecoder().decode(statement?.raw)).predicate).toEqual({ name: "test" });
    }
  });

  it("gives a state with what the image says, pinned", async () => {
    await using client = await connect(way.address);
    const state = await llb.image(`${registry.host}/multi:1`).resolve(client, { platform: "linux/arm64" });
    expect(llb.imageConfigOf(state)).toMatchObject({
      architecture: "arm64",
      config: { Env: ["PATH=/bin", "ARCH=arm64"], WorkingDir: "/work", User: "1000" },
    });
    const { vertices } = llb.marshal(state, { platform: "linux/amd64" });
    expect(vertices[0]?.op.source?.identifier).toBe(
      `docker-image://${registry.host}/multi:1@${image.index.digest}`,
    );
    const missing = llb.image(`${registry.host}/nope`).resolve(client);
    await expect(missing).rejects.toMatchObject({ code: "ERR_BUILDKIT_IMAGE", problem: "not-found" });
  });

  it("finds what a build function has returned: platforms, metadata, attestations", async () => {
    await using client = await connect(way.address);
    const name = `${registry.host}/returned:${Date.now()}`;
    const predicateType = "https://example.org/opinion";
    const { response } = await client.build(
      async (gateway) => {
        const statement = await gateway.solve(llb.scratch().file(llb.mkfile("/opinion.json", "{}")));
        const parts = ["linux/amd64", "linux/arm64"].map((platform) => ({
          platform,
          ref: llb.scratch().file(llb.mkfile("/platform", platform)),
          config: { config: { Labels: { for: platform } } },
          attestations: [{ kind: "in-toto" as const, ref: statement, path: "/opinion.json", predicateType }],
        }));
        return imageResult(parts, { metadata: { "frontend.answer": "42" } });
      },
      { exports: [exportImage({ name, push: true })] },
    );
    expect(response["frontend.answer"]).toBe("42");
    const found = await client.resolveImageConfig(name, { platform: "linux/arm64", attestations: true });
    expect(found.config.config?.Labels).toEqual({ for: "linux/arm64" });
    expect(found.platforms).toHaveLength(2);
    const [attestation] = found.attestations ?? [];
    expect(attestation?.statements.map((one) => one.predicateType)).toEqual([predicateType]);
  });

  it("warns of an image for another platform only", async () => {
    await using client = await connect(way.address);
    const found = await client.resolveImageConfig(`${registry.host}/single:1`, { platform: "linux/arm64" });
    expect(found.warnings).toEqual([
      `${registry.host}/single:1 is an image for linux/amd64, not for linux/arm64`,
    ]);
    expect(found.platform).toEqual({ os: "linux", architecture: "amd64" });
  });

  it.each([
    ["multi:nope", {}, "not-found"],
    ["nope", {}, "not-found"],
    ["multi:1", { platform: "windows/amd64" }, "no-platform"],
    ["127.0.0.1:1/away", {}, "other"],
  ])("says why there is no %s %o", async (name, request, problem) => {
    await using client = await connect(way.address);
    const ref = name.includes("/") ? name : `${registry.host}/${name}`;
    const found = client.resolveImageConfig(ref, request);
    await expect(found).rejects.toMatchObject({ code: "ERR_BUILDKIT_IMAGE", problem });
    await client.listWorkers();
  });
});

describeDestructive("resolveImageConfig on a daemon without a content service", () => {
  it("gives digest and config, and says why the rest is missing", async () => {
    await using engine = await startEngine("oldest");
    for (const [, resolve] of waysIn) {
      for (const { platform } of image.platforms) {
        const found = await resolve(engine.address, `${registry.host}/multi:1`, { platform });
        expect(found).toMatchObject({ digest: image.index.digest, platform, layers: [], platforms: [] });
        expect(found.config.config?.Env).toContain(`ARCH=${platform.architecture}`);
        expect(found.manifest).toBeUndefined();
        expect(found.incomplete).toContain("BuildKit 0.11");
      }
      const layout = resolve(engine.address, `example.org/multi@${image.index.digest}`, { store: "layout" });
      await expect(layout).rejects.toMatchObject({
        code: "ERR_BUILDKIT_UNSUPPORTED",
        capability: "source.ocilayout",
      });
    }
  });
});

describeDestructive("resolveImageConfig behind a mirror", () => {
  it("gives the mirror's bytes, and itself connects to nothing but the daemon", async () => {
    const mirrored = await putTestImage(registry, "library/mirrored", { tag: "1", platforms });
    await using engine = await startEngine("testing", {
      registries: { mirrors: [`http://${registry.host}`] },
    });
    const hosts: string[] = [];
    const found: ResolvedImage[] = [];
    const onSocket = (message: unknown) => {
      const { socket } = message as { readonly socket: Socket };
      socket.once("connect", () => {
        if (socket.remoteAddress !== undefined) hosts.push(socket.remoteAddress);
      });
    };
    subscribe("net.client.socket", onSocket);
    try {
      await using client = await connect(engine.address);
      for (const platform of platforms) {
        found.push(await client.resolveImageConfig("docker.io/library/mirrored:1", { platform }));
      }
    } finally {
      unsubscribe("net.client.socket", onSocket);
    }
    expect(hosts).toEqual([]);
    for (const [i, { manifest }] of mirrored.platforms.entries()) {
      expect(found[i]).toMatchObject({ digest: mirrored.index.digest, manifestDigest: manifest.digest });
      const served = await registry.getManifest("library/mirrored", manifest.digest);
      expect(equal(found[i]?.raw.manifest, served)).toBe(true);
    }
  });
});

async function read(store: ReturnType<typeof memoryStore>, digest: string): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of store.read(digest)) pieces.push(piece);
  return Buffer.concat(pieces);
}

function equal(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && Buffer.compare(a, b) === 0;
}
