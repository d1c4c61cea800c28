import { tmpdir } from "node:os";
import { InvalidArgumentError } from "@buildkit-node/core";
import { scratch } from "@buildkit-node/llb";
import { describe, expect, it } from "vitest";
import { dockerfileBuild } from "../src/dockerfile.ts";
import { checkOptions } from "../src/solve/check-options.ts";
import { knownInput } from "../src/solve/solve-input.ts";

/** What programs without types give. */
// biome-ignore lint/suspicious/noExplicitAny: that is what is tried
type Any = any;

function refused(run: () => unknown): Partial<InvalidArgumentError> {
  try {
    run();
  } catch (error) {
    if (error instanceof InvalidArgumentError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("options of the wrong kind", () => {
  it.each<[string, Any, string, RegExp]>([
    ["a condition among the exporters", { exports: [false] }, "exports", /no list of exporters/],
    ["a hole among them", { exports: [undefined] }, "exports", /no list of exporters/],
    ["one entitlement", { entitlements: "network.host" }, "entitlements", /is no list/],
    ["one cache", { cacheFrom: { type: "inline" } }, "cacheFrom", /is no list/],
    [
      "a cache in the words of a command line",
      { cacheTo: ["type=inline"] },
      "cacheTo",
      /type=inline, which is no/,
    ],
    ["a condition among the caches", { cacheFrom: [null] }, "cacheFrom", /has null, which is no cache/],
    ["one agent", { ssh: "default" }, "ssh", /is no list/],
    ["an empty reference", { ref: "" }, "ref", /ref is "", and must be a text of printable ASCII/],
    ["a reference of two lines", { ref: "a\nb" }, "ref", /"a\\nb"/],
    ["a reference that is a number", { ref: 5 }, "ref", /ref is 5/],
    ["a key that no header can hold", { sharedKey: "schlüssel" }, "sharedKey", /sharedKey is "schlüssel"/],
    [
      "a value that is not set",
      { frontendAttrs: { target: undefined } },
      "frontendAttrs.target",
      /undefined/,
    ],
    ["half a version", { compatibilityVersion: 1.5 }, "compatibilityVersion", /is 1.5, and must be a whole/],
  ])("are refused: %s", (_, options, argument, message) => {
    const error = refused(() => checkOptions(options));
    expect(error.argument).toBe(argument);
    expect(error.message).toMatch(message);
  });

  it("are not those that mean nothing", () => {
    const absent = { exports: [], ref: "a b:c/1", entitlements: [], compatibilityVersion: 0 };
    expect(() => checkOptions(absent)).not.toThrow();
    expect(() => checkOptions({})).not.toThrow();
  });

  it.each<[Any, string]>([
    [{ args: { VERSION: undefined } }, "args.VERSION"],
    [{ labels: { "a.b": 5 } }, "labels.a.b"],
    [{ extraHosts: { host: null } }, "extraHosts.host"],
    [{ platforms: "linux/amd64" }, "platforms"],
  ])("are refused for Dockerfiles: %o", (options, argument) => {
    const build = () => dockerfileBuild({ context: "https://host.test/repository.git", ...options });
    expect(refused(build).argument).toBe(argument);
  });

  it.each<[Any, string]>([
    [{ platforms: { "linux/amd64": 5 } }, "input.platforms.linux/amd64"],
    [{ frontend: "dockerfile.v0", inputs: { context: tmpdir() } }, "input.inputs.context"],
    [{ frontend: "dockerfile.v0", inputs: { context: Promise.resolve(scratch()) } }, "input.inputs.context"],
  ])("are refused as graphs: %o", (input, argument) => {
    expect(refused(() => knownInput(input)).argument).toBe(argument);
  });
});

describe("a Dockerfile's cache", () => {
  const attrs = (noCache: boolean | readonly string[]) =>
    dockerfileBuild({ context: "https://host.test/repository.git", noCache }).solve.frontendAttrs?.[
      "no-cache"
    ];

  it("is used unless it is said otherwise, for all stages or some", () => {
    expect([attrs(false), attrs(true), attrs(["a", "b"])]).toEqual([undefined, "", "a,b"]);
  });
});
