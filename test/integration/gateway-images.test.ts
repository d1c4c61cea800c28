import { connect } from "@buildkit-node/control";
import { hasCapability, type ImageRequest, type ResolvedImage } from "@buildkit-node/gateway";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Registry, startRegistry } from "../support/registry.ts";
import { putPlatform, putTestImage, type TestImage } from "../support/test-image.ts";
import { describeEachDaemon } from "../support/ways.ts";

describeEachDaemon("resolveImageConfig", (way) => {
  let registry: Registry;
  let image: TestImage;
  const platforms = [
    { os: "linux", architecture: "amd64" },
    { os: "linux", architecture: "arm64" },
    { os: "linux", architecture: "arm", variant: "v7" },
  ];
  beforeAll(async () => {
    registry = await startRegistry();
    image = await putTestImage(registry, "multi", { tag: "1", platforms });
    await putPlatform(registry, "single", { os: "linux", architecture: "amd64" }, "1");
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  /** Through the client, and through the gateway of a build. */
  const waysIn: readonly [string, (ref: string, request: ImageRequest) => Promise<ResolvedImage>][] = [
    [
      "the client",
      async (ref, request) => {
        await using client = await connect(way.address);
        return await client.resolveImageConfig(ref, request);
      },
    ],
    [
      "a build",
      async (ref, request) => {
        await using client = await connect(way.address);
        const found: ResolvedImage[] = [];
        await client.solve(
          async (gateway) => {
            found.push(await gateway.resolveImageConfig(ref, request));
          },
          { internal: true },
        );
        return found[0] as ResolvedImage;
      },
    ],
  ];

  it.each(waysIn)(
    "gives what the registry serves, byte for byte, for every platform, through %s",
    async (_, resolve) => {
      for (const { platform, manifest } of image.platforms) {
        const ref = `${registry.host}/multi:1`;
        const found = await resolve(ref, { platform });
        expect(found).toMatchObject({ digest: image.index.digest, platform, warnings: [] });
        if (found.incomplete !== undefined) {
          expect(found.incomplete).toContain("BuildKit 0.11");
          continue;
        }
        expect(found.manifestDigest).toBe(manifest.digest);
        expect(equal(found.raw.index, await registry.getManifest("multi", "1"))).toBe(true);
        expect(equal(found.raw.manifest, await registry.getManifest("multi", manifest.digest))).toBe(true);
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

  it("tells every platform's size, and what is attested", async (context) => {
    await using client = await connect(way.address);
    const request = { everyPlatform: true, attestations: true, platform: "linux/arm64" };
    const found = await client.resolveImageConfig(`${registry.host}/multi:1`, request);
    if (found.incomplete !== undefined) return context.skip(found.incomplete);
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
  ])("says why there is no %s %o", async (name, request, problem) => {
    await using client = await connect(way.address);
    const found = client.resolveImageConfig(`${registry.host}/${name}`, request);
    await expect(found).rejects.toMatchObject({ code: "ERR_BUILDKIT_IMAGE", problem });
    await client.listWorkers();
  });
});

function equal(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && Buffer.compare(a, b) === 0;
}
