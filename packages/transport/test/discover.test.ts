import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InvalidArgumentError } from "@buildkit-node/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AddressError, candidates, defaultEngine, formatAddress } from "../src/index.ts";

let config: string;
beforeEach(async () => {
  config = await mkdtemp(join(tmpdir(), "bk-docker-"));
});
afterEach(() => rm(config, { recursive: true }));

const around = (env: Record<string, string> = {}, platform: NodeJS.Platform = "linux") => ({
  env: { DOCKER_CONFIG: config, ...env },
  platform,
});

describe("candidates", () => {
  const addresses = async (env: Record<string, string>, platform: NodeJS.Platform = "linux") =>
    (await candidates(around(env, platform))).map(({ address }) => formatAddress(address));

  it("takes BUILDKIT_HOST alone where it is set", async () => {
    const found = await candidates(around({ BUILDKIT_HOST: "tcp://h:1", DOCKER_HOST: "tcp://d:2" }));
    expect(found).toEqual([{ address: { kind: "tcp", host: "h", port: 1 }, origin: "from BUILDKIT_HOST" }]);
  });

  it("goes from buildkitd to the rootless socket to the Docker Engine", async () => {
    expect(await addresses({ XDG_RUNTIME_DIR: "/run/user/1000:/other", BUILDKIT_HOST: "" })).toEqual([
      "unix:///run/buildkit/buildkitd.sock",
      "unix:///run/user/1000/buildkit/buildkitd.sock",
      "docker://unix:///var/run/docker.sock",
    ]);
    expect(await addresses({ DOCKER_HOST: "tcp://127.0.0.1:2375" }, "darwin")).toEqual([
      "unix:///var/run/buildkit/buildkitd.sock",
      "docker://tcp://127.0.0.1:2375",
    ]);
    expect(await addresses({}, "win32")).toEqual([
      "npipe:////./pipe/buildkitd",
      "docker://npipe:////./pipe/docker_engine",
    ]);
  });

  it("refuses a variable that holds no address", async () => {
    await expect(addresses({ BUILDKIT_HOST: "somewhere" })).rejects.toThrow(AddressError);
  });
});

describe("defaultEngine", () => {
  async function writeContext(name: string, host: string, tls: readonly string[] = []): Promise<void> {
    const id = createHash("sha256").update(name).digest("hex");
    const meta = join(config, "contexts", "meta", id);
    await mkdir(meta, { recursive: true });
    await writeFile(
      join(meta, "meta.json"),
      JSON.stringify({ Name: name, Endpoints: { docker: { Host: host } } }),
    );
    if (tls.length === 0) return;
    const files = join(config, "contexts", "tls", id, "docker");
    await mkdir(files, { recursive: true });
    for (const file of tls) await writeFile(join(files, file), `the ${file}`);
  }

  it("is the context that the docker command uses, with its certificates", async () => {
    await writeContext("remote", "tcp://10.0.0.2:2376", ["ca.pem", "cert.pem", "key.pem"]);
    await writeFile(join(config, "config.json"), JSON.stringify({ currentContext: "remote" }));
    expect(await defaultEngine(around())).toEqual({
      address: { kind: "docker-engine", engine: { kind: "tcp", host: "10.0.0.2", port: 2376 } },
      origin: "the Docker context remote, from Docker's configuration",
      tls: {
        ca: Buffer.from("the ca.pem"),
        cert: Buffer.from("the cert.pem"),
        key: Buffer.from("the key.pem"),
      },
    });
  });

  it("is what the environment names before what the configuration says", async () => {
    await writeContext("one", "ssh://me@one");
    await writeFile(join(config, "config.json"), JSON.stringify({ currentContext: "one" }));
    const engine = async (env: Record<string, string>) =>
      formatAddress((await defaultEngine(around(env))).address);
    expect(await engine({})).toBe("docker://ssh://me@one");
    expect(await engine({ DOCKER_CONTEXT: "default" })).toBe("docker://unix:///var/run/docker.sock");
    expect(await engine({ DOCKER_HOST: "unix:///d.sock", DOCKER_CONTEXT: "one" })).toBe(
      "docker://unix:///d.sock",
    );
  });

  it("says that a context is not there", async () => {
    await expect(defaultEngine(around({ DOCKER_CONTEXT: "gone" }))).rejects.toThrow(
      /no Docker context of this name/,
    );
  });

  it("reads the certificates that DOCKER_TLS_VERIFY asks for", async () => {
    const env = { DOCKER_HOST: "tcp://h:2376", DOCKER_TLS_VERIFY: "1", DOCKER_CERT_PATH: config };
    await expect(defaultEngine(around(env))).rejects.toThrow(InvalidArgumentError);
    await writeFile(join(config, "ca.pem"), "authority");
    expect((await defaultEngine(around(env))).tls).toEqual({ ca: Buffer.from("authority") });
  });
});
