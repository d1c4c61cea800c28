import { describe, expect, it } from "vitest";
import { AddressError, formatAddress, parseAddress } from "../src/index.ts";

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
    ["npipe:////./pipe/buildkitd", { kind: "npipe", path: "\\\\.\\pipe\\buildkitd" }],
    ["docker://?context=remote", { kind: "docker-engine", context: "remote" }],
    [
      "docker://ssh://me@host:22/run/d.sock",
      {
        kind: "docker-engine",
        engine: { kind: "ssh", host: "host", user: "me", port: 22, socket: "/run/d.sock" },
      },
    ],
    [
      "docker-container://builder?context=remote",
      { kind: "docker-container", name: "builder", context: "remote" },
    ],
    ["podman-container://builder", { kind: "podman-container", name: "builder" }],
    ["nerdctl-container://b?namespace=k8s", { kind: "nerdctl-container", name: "b", namespace: "k8s" }],
    [
      "kube-pod://pod-0?context=c&namespace=n&container=b",
      { kind: "kube-pod", pod: "pod-0", context: "c", namespace: "n", container: "b" },
    ],
    ["ssh://host", { kind: "ssh", host: "host" }],
    [
      "ssh://user@[::1]:2222/run/b.sock",
      { kind: "ssh", host: "::1", user: "user", port: 2222, socket: "/run/b.sock" },
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
    ["docker://vsock://x", /not one of/],
    ["docker://kube-pod://x", /cannot be reached by kube-pod/],
    ["docker-container://-v", /is not a name/],
    ["docker-container://a b", /is not a name/],
    ["docker-container://a?namespace=x", /namespace is not known: it takes context/],
    ["podman-container://a?x=y", /it takes none/],
    ["kube-pod://p?container=--evil", /container has no usable value/],
    ["ssh://-oProxyCommand=x", /needs a host|cannot be read/],
    ["ssh://user:secret@host", /a password cannot be given/],
    ["ssh://host/sock?x=1", /nothing may follow/],
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
