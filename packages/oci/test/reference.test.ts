import { formatReference, parseReference, withDefaultTag } from "@buildkit-node/oci";
import { describe, expect, it } from "vitest";

const sha = `sha256:${"0123456789abcdef".repeat(4)}`;

describe("parseReference", () => {
  it.each([
    ["alpine", "docker.io/library/alpine:latest"],
    ["alpine:3.20", "docker.io/library/alpine:3.20"],
    [`alpine@${sha}`, `docker.io/library/alpine@${sha}`],
    [`alpine:3.20@${sha}`, `docker.io/library/alpine:3.20@${sha}`],
    ["org/app", "docker.io/org/app:latest"],
    ["foo.com", "docker.io/library/foo.com:latest"],
    ["foo.com/bar", "foo.com/bar:latest"],
    ["Foo/bar", "Foo/bar:latest"],
    ["foo:5000/bar", "foo:5000/bar:latest"],
    ["localhost/app", "localhost/app:latest"],
    ["localhost:5000/team/app", "localhost:5000/team/app:latest"],
    ["[::1]:5000/app", "[::1]:5000/app:latest"],
    ["index.docker.io/foo/bar:x", "docker.io/foo/bar:x"],
    ["index.docker.io/busybox", "docker.io/library/busybox:latest"],
    ["scratch", "docker.io/library/scratch:latest"],
    ["a/b__c/d---e/f.g", "docker.io/a/b__c/d---e/f.g:latest"],
  ])("reads %s as %s", (text, whole) => {
    expect(formatReference(withDefaultTag(parseReference(text)))).toBe(whole);
  });

  it("gives the parts", () => {
    expect(parseReference(`ghcr.io/org/app:v1@${sha}`)).toEqual({
      domain: "ghcr.io",
      path: "org/app",
      tag: "v1",
      digest: sha,
    });
    expect(parseReference("alpine")).toEqual({ domain: "docker.io", path: "library/alpine" });
  });

  it.each([
    "",
    "Alpine",
    "docker.io/Library/Alpine",
    "0123456789abcdef".repeat(4),
    "a b",
    "a//b",
    "-a",
    "a_",
    "a..b",
    "alpine:",
    "alpine:-x",
    `alpine:${"x".repeat(129)}`,
    "alpine@sha256:1234",
    `alpine@${sha.toUpperCase()}`,
    `alpine@md5:${"0".repeat(32)}`,
    "https://docker.io/alpine",
    `docker.io/${"a".repeat(256)}`,
    "alpine\n",
  ])("refuses %j and names it", (text) => {
    expect(() => parseReference(text)).toThrow(JSON.stringify(text));
  });
});
