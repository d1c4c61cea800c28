import { formatPlatform, matchesPlatform, normalizePlatform, parsePlatform } from "@buildkit-node/oci";
import { describe, expect, it } from "vitest";

const host = { os: "linux", architecture: "amd64" };

describe("parsePlatform", () => {
  it.each([
    ["linux/amd64", { os: "linux", architecture: "amd64" }],
    ["Linux/x86_64", { os: "linux", architecture: "amd64" }],
    ["linux/arm64", { os: "linux", architecture: "arm64" }],
    ["linux/arm64/v8", { os: "linux", architecture: "arm64", variant: "v8" }],
    ["linux/arm", { os: "linux", architecture: "arm" }],
    ["linux/arm/v7", { os: "linux", architecture: "arm", variant: "v7" }],
    ["linux/armel", { os: "linux", architecture: "arm", variant: "v6" }],
    ["macos/arm64", { os: "darwin", architecture: "arm64" }],
    ["arm64", { os: "linux", architecture: "arm64" }],
    ["custom/thing", { os: "custom", architecture: "thing" }],
    [
      "windows(10.0.17763+win32k)/amd64",
      { os: "windows", architecture: "amd64", osVersion: "10.0.17763", osFeatures: ["win32k"] },
    ],
  ])("reads %s", (text, platform) => {
    expect(parsePlatform(text)).toEqual(platform);
  });

  it("completes a lone system from the host that is given, and from no other", () => {
    expect(parsePlatform("windows", { host })).toEqual({ os: "windows", architecture: "amd64" });
    expect(() => parsePlatform("linux")).toThrow("linux/amd64");
  });

  it.each(["", "/", "linux/", "linux/*", "*", "a/b/c/d", "nonsense", "linux/am d64", "windows(%zz)/amd64"])(
    "refuses %j and names it",
    (text) => {
      expect(() => parsePlatform(text, { host })).toThrow(JSON.stringify(text));
    },
  );
});

describe("normalizePlatform", () => {
  it.each([
    ["linux/x86_64/v1", "linux/amd64"],
    ["linux/amd64/v3", "linux/amd64/v3"],
    ["linux/arm64/v8", "linux/arm64"],
    ["linux/arm64/9", "linux/arm64/v9"],
    ["linux/arm", "linux/arm/v7"],
    ["linux/arm/6", "linux/arm/v6"],
    ["linux/armhf", "linux/arm/v7"],
    ["linux/i386/v2", "linux/386"],
    ["linux/386/v2", "linux/386/v2"],
    ["macos/arm64", "darwin/arm64"],
  ])("makes %s %s", (text, normal) => {
    const [os = "", architecture = "", variant] = text.split("/");
    const platform = { os, architecture, ...(variant !== undefined && { variant }) };
    expect(formatPlatform(normalizePlatform(platform))).toBe(normal);
  });

  it("sorts features and names a system when there is none", () => {
    expect(normalizePlatform({ os: "", architecture: "amd64", osFeatures: ["b", "a", "b"] })).toEqual({
      os: "linux",
      architecture: "amd64",
      osFeatures: ["a", "b"],
    });
  });
});

describe("formatPlatform", () => {
  it("writes what parsePlatform reads", () => {
    for (const text of [
      "linux/arm/v7",
      "windows(10.0.1+a+b)/amd64",
      "windows(+x)/amd64",
      "windows(1%2F2%28)/amd64",
    ]) {
      expect(formatPlatform(parsePlatform(text))).toBe(text);
    }
  });
});

describe("matchesPlatform", () => {
  const match = (wanted: string, candidate: string) =>
    matchesPlatform(parsePlatform(wanted), parsePlatform(candidate));

  it("compares normal forms", () => {
    expect(match("linux/arm64", "linux/arm64/v8")).toBe(true);
    expect(match("linux/arm64", "linux/arm64/v9")).toBe(false);
    expect(match("linux/arm", "linux/arm/v7")).toBe(true);
    expect(match("linux/arm", "linux/arm/v6")).toBe(false);
    expect(match("linux/amd64", "windows/amd64")).toBe(false);
  });

  it("wants the features of the candidate, and the same Windows build", () => {
    expect(match("linux(+a+b)/amd64", "linux(+a)/amd64")).toBe(true);
    expect(match("linux/amd64", "linux(+a)/amd64")).toBe(false);
    expect(match("windows/amd64", "windows(+win32k)/amd64")).toBe(true);
    expect(match("windows(10.0.17763.1)/amd64", "windows(10.0.17763.5)/amd64")).toBe(true);
    expect(match("windows(10.0.17763)/amd64", "windows(10.0.18000)/amd64")).toBe(false);
    expect(match("windows(10.0.17763)/amd64", "windows/amd64")).toBe(true);
  });
});
