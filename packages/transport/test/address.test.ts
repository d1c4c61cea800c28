import { inspect } from "node:util";
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
    ["npipe:////./pipe/buildkitd", { kind: "npipe", path: "//./pipe/buildkitd" }],
    ["npipe://\\\\.\\pipe\\buildkitd", { kind: "npipe", path: "//./pipe/buildkitd" }],
    [
      "docker://npipe:////./pipe/docker_engine",
      { kind: "docker-engine", engine: { kind: "npipe", path: "//./pipe/docker_engine" } },
    ],
    [
      "docker://ssh://me@host/var/run/docker.sock",
      {
        kind: "docker-engine",
        engine: { kind: "ssh", host: "host", user: "me", socket: "/var/run/docker.sock" },
      },
    ],
    ["docker://?context=far", { kind: "docker-engine", engine: { kind: "docker-context", name: "far" } }],
    ["docker-container://buildx_buildkit_a0", { kind: "docker-container", container: "buildx_buildkit_a0" }],
    ["docker-container://b?context=", { kind: "docker-container", container: "b" }],
    ["docker-container://B/?context=far", { kind: "docker-container", container: "B", context: "far" }],
    ["podman-container://b", { kind: "podman-container", container: "b" }],
    [
      "nerdctl-container://b?namespace=k8s.io",
      { kind: "nerdctl-container", container: "b", namespace: "k8s.io" },
    ],
    [
      "kube-pod://pod-0.x?context=admin@eu%2F1+a&namespace=ci&container=main",
      { kind: "kube-pod", pod: "pod-0.x", context: "admin@eu/1 a", namespace: "ci", container: "main" },
    ],
    ["ssh://host", { kind: "ssh", host: "host" }],
    ["ssh://[::1]:22/", { kind: "ssh", host: "::1", port: 22 }],
    [
      "ssh://me%40corp@my_host.example:2222/run/b.sock",
      { kind: "ssh", host: "my_host.example", user: "me@corp", port: 2222, socket: "/run/b.sock" },
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
    ["docker://?context=", /name of the context is missing/],
    ["docker://?other=x", /takes the parameters context, not "other"/],
    ["npipe://buildkitd", /npipe:\/\/\/\/\.\/pipe\/NAME/],
    ["docker-container://", /name of the container is missing/],
    ["docker-container://-v", /"-v" cannot be the container/],
    ["docker-container://a;b", /cannot be the container/],
    ["docker-container://a%20b", /cannot be the container/],
    ["docker-container://a/b", /only parameters may stand beside/],
    ["docker-container://me@a", /only parameters may stand beside/],
    ["docker-container://a:1", /only parameters may stand beside/],
    ["docker-container://a?context=-x", /"-x" cannot be the context/],
    ["docker-container://a?__proto__=x", /takes the parameters context/],
    ["docker-container://a\nb", /control characters/],
    ["podman-container://a?x=1", /takes no parameters/],
    ["nerdctl-container://a?namespace=--help", /cannot be the namespace/],
    ["kube-pod://Pod", /"Pod" cannot be the pod/],
    ["kube-pod://-o", /cannot be the pod/],
    ["kube-pod://a?context=--kubeconfig", /cannot be the context/],
    ["kube-pod://a?context=%00", /cannot be the context/],
    ["kube-pod://a?namespace=$(id)", /cannot be the namespace/],
    ["kube-pod://a?container=-c", /cannot be the container/],
    ["ssh://", /host is missing/],
    ["ssh://-oProxyCommand=id", /cannot be the host/],
    ["ssh://-l@host", /"-l" cannot be the user/],
    ["ssh://host/run/a;id", /cannot be the path of the socket/],
    ["ssh://host/run/$(id)", /cannot be the path of the socket/],
    ["ssh://host/run/a%20b", /cannot be the path of the socket/],
    ["ssh://host?x", /nothing may follow/],
    ["ssh://host#x", /nothing may follow/],
    ["ssh://%ff@host", /not encoded/],
    ["docker://ssh://host/`id`", /cannot be the path of the socket/],
  ])("refuses %j and says why", (text, message) => {
    expect(() => parseAddress(text)).toThrow(AddressError);
    expect(() => parseAddress(text)).toThrow(message);
  });

  it.each([
    ["tcp://user:hunter2@host:1234", "tcp://user@host:1234"],
    ["ssh://user:hunter2@host", "ssh://user@host"],
    ["ssh://user:p:hunter2@x@host", "ssh://user@host"],
    ["ssh://user:hunter2/x@host", "ssh://user@host"],
    ["docker://tcp://user:hunter2@host:1", "docker://tcp://user@host:1"],
    ["docker://ssh://:hunter2@host", "docker://ssh://@host"],
    ["docker-container://user:hunter2@a", "docker-container://user@a"],
    ["tcp://user:hunter2@ho st", "tcp://user@ho st"],
    ["https://user:hunter2@host", "https://user@host"],
  ])("does not repeat the password of %s", (text, shown) => {
    const thrown = catchError(() => parseAddress(text));
    expect(thrown).toMatchObject({ code: "ERR_BUILDKIT_ADDRESS", address: shown });
    expect(inspect(thrown)).not.toContain("hunter2");
  });
});

function catchError(act: () => unknown): unknown {
  try {
    return act();
  } catch (error) {
    return error;
  }
}

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
      "docker://",
    ]);
    expect(addresses({ DOCKER_HOST: "tcp://127.0.0.1:2375" }, "darwin")).toEqual([
      "unix:///var/run/buildkit/buildkitd.sock",
      "docker://",
    ]);
    expect(addresses({}, "win32")[0]).toBe("npipe:////./pipe/buildkitd");
  });

  it("refuses a variable that holds no address", () => {
    expect(() => addresses({ BUILDKIT_HOST: "somewhere" })).toThrow(AddressError);
  });
});
