import { type Descriptor, emptyIndex, findInIndex, mediaTypes, putInIndex } from "@buildkit-node/oci";
import { describe, expect, it } from "vitest";

const manifest = (digit: string): Descriptor => ({
  mediaType: mediaTypes.ociManifest,
  digest: `sha256:${digit.repeat(64)}`,
  size: 1,
});
const first = manifest("1");
const second = manifest("2");

describe("putInIndex", () => {
  it("appends what has no name, and finds it while it is alone", () => {
    const one = putInIndex(emptyIndex, first);
    expect(findInIndex(one)).toBe(first);
    expect(findInIndex(putInIndex(one, second))).toBeUndefined();
    expect(emptyIndex.manifests).toEqual([]);
  });

  it("files a whole name under the name and its tag", () => {
    const index = putInIndex(emptyIndex, first, [{ name: "docker.io/library/app:dev" }]);
    expect(index.manifests[0]?.annotations).toEqual({
      "io.containerd.image.name": "docker.io/library/app:dev",
      "org.opencontainers.image.ref.name": "dev",
    });
    expect(findInIndex(index, "docker.io/library/app:dev")?.digest).toBe(first.digest);
    expect(findInIndex(index, "dev")?.digest).toBe(first.digest);
    expect(findInIndex(index, "other")).toBeUndefined();
  });

  it("replaces what was filed under the same name, and nothing else", () => {
    const names = [{ name: "docker.io/library/app:dev" }, { tag: "dev" }] as const;
    const index = putInIndex(putInIndex(emptyIndex, first, names), second, [{ tag: "dev" }]);
    expect(index.manifests.map(({ digest }) => digest)).toEqual([first.digest, second.digest]);
    expect(putInIndex(index, second, names).manifests.map(({ digest }) => digest)).toEqual([
      second.digest,
      second.digest,
    ]);
  });

  it("leaves what is filed so already where it is, whenever it was created", () => {
    const created = (at: string) => ({ ...first, annotations: { "org.opencontainers.image.created": at } });
    const index = putInIndex(putInIndex(emptyIndex, created("then"), [{ tag: "a" }]), second, [{ tag: "b" }]);
    expect(putInIndex(index, created("now"), [{ tag: "a" }])).toEqual(index);
    const changed = { ...created("now"), platform: { os: "linux", architecture: "arm64" } };
    const { manifests } = putInIndex(index, changed, [{ tag: "a" }]);
    expect(manifests.map(({ digest }) => digest)).toEqual([second.digest, first.digest]);
    expect(manifests[1]).toMatchObject({ annotations: { "org.opencontainers.image.created": "now" } });
  });

  it.each([
    ["docker.io/library/app", ""],
    ["app:dev", "app:dev"],
    ["localhost:5000/app@sha256:12", "@sha256:12"],
  ])("takes the object of %s", (name, refName) => {
    const [entry] = putInIndex(emptyIndex, first, [{ name }]).manifests;
    expect(entry?.annotations?.["org.opencontainers.image.ref.name"]).toBe(refName);
  });
});
