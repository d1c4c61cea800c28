import { createHash } from "node:crypto";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import type { ImageRequest, ResolvedImage } from "../src/index.ts";
import { build, type Script } from "./support/scripted-daemon.ts";

function document(value: unknown): { readonly bytes: Uint8Array; readonly digest: string } {
  const bytes = Buffer.from(JSON.stringify(value));
  return { bytes, digest: `sha256:${createHash("sha256").update(bytes).digest("hex")}` };
}

const config = document({ os: "linux", architecture: "amd64" });
const manifest = document({ schemaVersion: 2, config: { digest: config.digest, size: 9 }, layers: [] });
const other = document({ schemaVersion: 2, config: { digest: `sha256:${"0".repeat(64)}` }, layers: [] });
const index = document({
  schemaVersion: 2,
  manifests: [
    { digest: other.digest, platform: { os: "linux", architecture: "amd64" } },
    { digest: manifest.digest, platform: { os: "linux", architecture: "arm64" } },
  ],
});

/** Resolves an image on a daemon whose content store has these blobs; without any, it has no such store. */
async function resolve(
  root: string,
  blobs: ReadonlyMap<string, Uint8Array> | undefined,
  request: ImageRequest = {},
): Promise<ResolvedImage> {
  const content: Script["content"] = blobs && {
    read: async function* ({ digest }) {
      const bytes = blobs.get(digest);
      if (bytes === undefined) throw new ConnectError("not found", Code.NotFound);
      for (let at = 0; at < bytes.length; at += 7) yield { data: bytes.subarray(at, at + 7) };
    },
  };
  const resolveSourceMeta = () => ({ Image: { Digest: root, Config: config.bytes } });
  const found: ResolvedImage[] = [];
  const script = { bridge: { resolveSourceMeta }, ...(content && { content }) };
  const { thrown } = await build(script, async (gateway) => {
    found.push(await gateway.resolveImageConfig("alpine", request));
    return undefined;
  });
  if (thrown !== undefined) throw thrown;
  return found[0] as ResolvedImage;
}

const store = new Map([config, manifest, other, index].map(({ digest, bytes }) => [digest, bytes]));

describe("resolveImageConfig", () => {
  it("takes of an index the manifest whose config the daemon gave", async () => {
    const image = await resolve(index.digest, store);
    expect(image).toMatchObject({
      ref: "docker.io/library/alpine:latest",
      pinned: `docker.io/library/alpine:latest@${index.digest}`,
      manifestDigest: manifest.digest,
      platform: { os: "linux", architecture: "amd64" },
      warnings: [],
    });
    expect(Buffer.compare(image.raw.index ?? Buffer.of(), index.bytes)).toBe(0);
    expect(image.platforms.map(({ platform }) => platform.architecture)).toEqual(["amd64", "arm64"]);
  });

  it("warns when an image without index is for another platform", async () => {
    const image = await resolve(manifest.digest, store, { platform: "linux/arm64" });
    expect(image.index).toBeUndefined();
    expect(image.warnings).toEqual([
      "docker.io/library/alpine:latest is an image for linux/amd64, not for linux/arm64",
    ]);
  });

  it.each<[string, string, ReadonlyMap<string, Uint8Array> | undefined, string]>([
    ["the daemon has no content service", index.digest, undefined, "needs BuildKit 0.11"],
    ["the image is only in the engine's store", "", store, "own store"],
    ["the root is gone", index.digest, new Map(), "did not keep"],
    [
      "the manifest is gone",
      index.digest,
      new Map([[index.digest, index.bytes]]),
      "did not keep the manifest",
    ],
  ])("gives the config and the reason when %s", async (_, root, blobs, reason) => {
    const image = await resolve(root, blobs);
    expect(image.config).toEqual({ os: "linux", architecture: "amd64" });
    expect(image.manifest).toBeUndefined();
    expect(image.incomplete).toContain(reason);
  });

  it("does not believe bytes that are not those of the digest", async () => {
    const forged = new Map([...store, [index.digest, Buffer.from("{}")]]);
    await expect(resolve(index.digest, forged)).rejects.toMatchObject({ code: "ERR_BUILDKIT_CONTENT" });
  });

  it.each([
    ["docker.io/library/alpine:latest: not found", "not-found"],
    ["no match for platform in manifest: not found", "no-platform"],
    ["failed to authorize: unexpected status: 401 Unauthorized", "denied"],
    [
      "encountered unknown type application/vnd.oci.empty.v1+json; children may not be fetched",
      "not-an-image",
    ],
    ["dial tcp: connection refused", "other"],
  ])("says why there is no image: %s", async (text, problem) => {
    const resolveSourceMeta = () => {
      throw new ConnectError(text, Code.Unknown);
    };
    const { thrown } = await build({ bridge: { resolveSourceMeta } }, (gateway) =>
      gateway.resolveImageConfig("alpine").then(() => undefined),
    );
    expect(thrown).toMatchObject({ code: "ERR_BUILDKIT_IMAGE", problem });
  });

  it("asks older daemons by the older call", async () => {
    const resolveImageConfig: NonNullable<Script["bridge"]>["resolveImageConfig"] = ({
      Ref,
      ResolveMode,
    }) => {
      expect([Ref, ResolveMode]).toEqual(["docker.io/library/alpine:latest", "pull"]);
      return { Digest: index.digest, Config: config.bytes };
    };
    const capabilities = ["resolveimage", "resolveimage.resolvemode"];
    const { thrown, calls } = await build(
      { bridge: { resolveImageConfig }, capabilities },
      async (gateway) => {
        const image = await gateway.resolveImageConfig("alpine", { resolveMode: "pull" });
        expect(image).toMatchObject({
          digest: index.digest,
          incomplete: expect.stringContaining("BuildKit 0.11"),
        });
        return undefined;
      },
    );
    expect(thrown).toBeUndefined();
    expect(calls).toContain("ResolveImageConfig");
  });

  it("refuses what is no image's name, and a layout's image without digest", async () => {
    for (const [ref, request] of [
      ["UPPER", {}],
      ["a", { store: "s" }],
    ] as const) {
      const { thrown } = await build({}, (gateway) =>
        gateway.resolveImageConfig(ref, request).then(() => undefined),
      );
      expect(thrown).toMatchObject({ code: "ERR_BUILDKIT_INVALID_ARGUMENT" });
    }
  });
});

describe("resolveSourceMeta", () => {
  it("never asks for the daemon's walk through attestations", async () => {
    const resolveSourceMeta: NonNullable<Script["bridge"]>["resolveSourceMeta"] = ({ Image, Source }) => {
      expect(Image).toMatchObject({ AttestationChain: false, ResolveAttestations: [] });
      return {
        Source: Source as NonNullable<typeof Source>,
        Git: { Checksum: "abc", Ref: "refs/heads/main" },
      };
    };
    const { thrown } = await build({ bridge: { resolveSourceMeta } }, async (gateway) => {
      const meta = await gateway.resolveSourceMeta({ identifier: "git://example.org/x.git#main" });
      expect(meta.git).toEqual({ checksum: "abc", ref: "refs/heads/main" });
      return undefined;
    });
    expect(thrown).toBeUndefined();
  });

  it("says so when the daemon tells nothing", async () => {
    const resolveSourceMeta: NonNullable<Script["bridge"]>["resolveSourceMeta"] = ({ Source }) => ({
      Source: Source as NonNullable<typeof Source>,
    });
    for (const identifier of ["git://example.org/x.git", "https://example.org/x"]) {
      const { thrown } = await build({ bridge: { resolveSourceMeta } }, async (gateway) => {
        await gateway.resolveSourceMeta({ identifier });
      });
      expect(thrown).toMatchObject({ code: "ERR_BUILDKIT_UNSUPPORTED" });
    }
  });

  it("refuses what has no scheme", async () => {
    const { thrown } = await build({}, (gateway) =>
      gateway.resolveSourceMeta({ identifier: "alpine" }).then(() => undefined),
    );
    expect(thrown).toMatchObject({ code: "ERR_BUILDKIT_INVALID_ARGUMENT" });
  });
});
