import { describe, expect, it } from "vitest";
import { AddressError, candidates, formatAddress, parseAddress } from "../src/index.ts";

describe("parseAddress", () => {
  it.each([
    ["unix:///run/buildkit/buildkitd.sock", { kind: "unix", path: "/run/buildkit/buildkitd.sock" }],
    ["unix://relative.sock", { kind: "unix", path: "relative.sock" }],
    ["unix:///tmp/with space%20and#hash", { kind: "unix", path: "/tmp/with space%20and#hash" }],
    ["tcp://127.0.0.1:1234", { kind: "tcp", host: "127.0.0.1", port: 1234 }],
    ["tcp://[::1]:1234", { kind: "tcp", host: "::1", port: 1234 }],
    ["docker://", { kind: "docker-engine" }],
    [
      "docker:///var/run/docker.sock",
      { kind: "docker-engine", engine: { kind: "unix", path: "/var/run/docker.sock" } },
    ],
    [
      "docker://10.0.0.2:2375",
      { kind: "docker-engine", engine: { kind: "tcp", host: "10.0.0.2", port: 2375 } },
    ],
    ["docker://unix:///d.sock", { kind: "docker-engine", engine: { kind: "unix", path: "/d.sock" } }],
    [
      "docker://tcp://[::1]:2375",
      { kind: "docker-engine", engine: { kind: "tcp", host: "::1", port: 2375 } },
    ],
  ])("reads %s", (text, address) => {
    expect(parseAddress(text)).toEqual(address);
    expect(parseAddress(formatAddress(parseAddress(text)))).toEqual(address);
  });

  it.each([
    ["", /no scheme/],
    ["/run/buildkit/buildkitd.sock", /written unix:\/\/\/run\/buildkit/],
    ["localhost:1234", /no scheme/],
    ["vsock://3:1234", /vsock:\/\/ is not one of/],
    ["unix://", /path of the socket is missing/],
    ["tcp://host", /host and a port/],
    ["tcp://:1234", /host and port/],
    ["tcp://host:99999", /cannot be read/],
    ["tcp://host:1234/path", /nothing may follow/],
    ["docker://vsock://x", /cannot be reached/],
  ])("refuses %j and says why", (text, message) => {
    expect(() => parseAddress(text)).toThrow(AddressError);
    expect(() => parseAddress(text)).toThrow(message);
  });

  it("does not repeat a password", () => {
    try {
      parseAddress("tcp://user:hunter2@host:1234");
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: "ERR_BUILDKIT_ADDRESS", address: "tcp://user@host:1234" });
      expect(String(error)).not.toContain("hunter2");
    }
  });
});

describe("candidates", () => {
  const addresses = (env: Record<string, string>, platform: NodeJS.Platform = "linux") =>
    candidates({ env, platform }).map(({ address }) => formatAddress(address));

  it("takes BUILDKIT_HOST alone where it is set", () => {
    const found = candidates({
      env: { BUILDKIT_HOST: "tcp://h:1", DOCKER_HOST: "tcp://d:2" },
      platform: "linux",
    });
    expect(found).toEqual([{ address: { kind: "tcp", host: "h", port: 1 }, origin: "from BUILDKIT_HOST" }]);
  });

  it("goes from buildkitd to the rootless socket to the Docker Engine", () => {
    expect(addresses({ XDG_RUNTIME_DIR: "/run/user/1000:/other", BUILDKIT_HOST: "" })).toEqual([
      "unix:///run/buildkit/buildkitd.sock",
      "unix:///run/user/1000/buildkit/buildkitd.sock",
      "docker://unix:///var/run/docker.sock",
    ]);
    expect(addresses({ DOCKER_HOST: "tcp://127.0.0.1:2375" }, "darwin")).toEqual([
      "unix:///var/run/buildkit/buildkitd.sock",
      "docker://tcp://127.0.0.1:2375",
    ]);
  });

  it("refuses a variable that holds no address", () => {
    expect(() => addresses({ BUILDKIT_HOST: "somewhere" })).toThrow(AddressError);
  });
});
