import { createHash } from "node:crypto";
import { BuildkitError } from "@buildkit-node/core";
import { digestOf, formatDigest, isDigest, parseDigest } from "@buildkit-node/oci";
import { describe, expect, it } from "vitest";

const hello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

describe("parseDigest", () => {
  it("gives algorithm, hex and the multihash", () => {
    const digest = parseDigest(`sha256:${hello}`);
    expect(digest).toMatchObject({ algorithm: "sha256", hex: hello });
    expect(digest.multihash.code).toBe(0x12);
    expect(Buffer.from(digest.multihash.digest).toString("hex")).toBe(hello);
    expect(formatDigest(digest.multihash)).toBe(`sha256:${hello}`);
  });

  it.each([
    "",
    "sha256",
    "sha256:",
    hello,
    `sha256:${hello.toUpperCase()}`,
    `sha256:${hello.slice(1)}`,
    `sha256:${hello}0`,
    `sha512:${hello}`,
    `md5:${hello}`,
    `sha256:${hello}\n`,
    `toString:${hello}`,
  ])("refuses %j and names it", (text) => {
    expect(isDigest(text)).toBe(false);
    expect(() => parseDigest(text)).toThrow(JSON.stringify(text));
    expect(() => parseDigest(text)).toThrow(BuildkitError);
  });
});

describe("digestOf", () => {
  it("hashes with any synchronous hasher of the SHA-2 family", () => {
    const encode = (bytes: Uint8Array) => new Uint8Array(createHash("sha256").update(bytes).digest());
    expect(digestOf({ code: 0x12, encode }, new TextEncoder().encode("hello"))).toBe(`sha256:${hello}`);
  });

  it("refuses a hash that OCI has no name for", () => {
    expect(() => formatDigest({ code: 0x11, digest: new Uint8Array(20) })).toThrow("0x11");
  });
});
