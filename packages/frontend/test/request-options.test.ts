import { describe, expect, it } from "vitest";
import { parseIgnoreFile } from "../src/request/ignore-file.ts";
import { readRequestOptions } from "../src/request/request-options.ts";

describe("the options of a request", () => {
  it("have defaults", () => {
    expect(readRequestOptions({})).toMatchObject({
      target: "",
      args: {},
      labels: {},
      platforms: [],
      multiPlatform: false,
      noCache: [],
      cacheImports: [],
      resolveMode: "default",
      filename: undefined,
      network: undefined,
      ulimits: [],
      requestId: "",
    });
  });

  it("are read as docker build writes them", () => {
    const read = readRequestOptions({
      target: "prod",
      "build-arg:VERSION": "1=2",
      "build-arg:BUILDKIT_SYNTAX": "x",
      "label:a.b": "c",
      platform: "linux/amd64,linux/arm64/v8",
      "no-cache": "",
      "cache-imports": '[{"Type":"local","Attrs":{"src":"x"}}]',
      "cache-from": "a,b",
      "force-network-mode": "host",
      "add-hosts": "DB=10.0.0.1,v6=fe80::1",
      "shm-size": "1024",
      ulimit: "nofile=5:10,core=0",
      "local-sessionid:context": "s2",
    });
    expect(read).toMatchObject({
      target: "prod",
      args: { VERSION: "1=2" },
      builtinArgs: { BUILDKIT_SYNTAX: "x" },
      labels: { "a.b": "c" },
      platforms: [
        { os: "linux", architecture: "amd64" },
        { os: "linux", architecture: "arm64" },
      ],
      multiPlatform: true,
      noCache: true,
      cacheImports: [
        { type: "local", attrs: { src: "x" } },
        { type: "registry", attrs: { ref: "a" } },
        { type: "registry", attrs: { ref: "b" } },
      ],
      network: "host",
      extraHosts: [
        { host: "db", ip: "10.0.0.1" },
        { host: "v6", ip: "fe80::1" },
      ],
      shmBytes: 1024,
      ulimits: [
        { name: "nofile", soft: 5, hard: 10 },
        { name: "core", soft: 0, hard: 0 },
      ],
      localSessions: { context: "s2" },
    });
    expect(readRequestOptions({ "no-cache": "a,b" }).noCache).toEqual(["a", "b"]);
    expect(readRequestOptions({ "multi-platform": "1" }).multiPlatform).toBe(true);
  });

  it.each([
    ["platform", "linux/amd64/v1/x"],
    ["cache-imports", "{"],
    ["cache-imports", "[1]"],
    ["force-network-mode", "bridge"],
    ["image-resolve-mode", "always"],
    ["shm-size", "1g"],
    ["ulimit", "nofile"],
    ["add-hosts", "=1"],
    ["multi-platform", "maybe"],
  ])("are refused by name: %s=%s", (option, value) => {
    const reading = () => readRequestOptions({ [option]: value });
    expect(reading).toThrow(expect.objectContaining({ code: "ERR_BUILDKIT_INVALID_ARGUMENT" }));
    if (option !== "platform") expect(reading).toThrow(option);
  });

  it("do not promise one platform when several are wanted", () => {
    expect(() =>
      readRequestOptions({ platform: "linux/amd64,linux/arm64", "multi-platform": "false" }),
    ).toThrow("several platforms");
  });
});

describe("an ignore file", () => {
  it("gives patterns as a local source takes them", () => {
    const text =
      "\uFEFF# note\r\n\n  node_modules/ \n/dist\n!/dist/keep\n./a//b/../c\n#x\n **/*.log\n!\n../up\n";
    expect(parseIgnoreFile(Buffer.from(text))).toEqual([
      "node_modules",
      "dist",
      "!dist/keep",
      "a/c",
      "**/*.log",
      "../up",
    ]);
  });
});
