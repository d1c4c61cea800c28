import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createAuthority } from "../../../test/support/certificates.ts";
import { createDialer, createEngineDialer, Link, parseAddress } from "../src/index.ts";
import { answer, listenEngine } from "./support/peer.ts";
import { listenTlsEngine } from "./support/tls-peer.ts";

let home = "";
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "bk-docker-"));
});
afterAll(() => rm(home, { recursive: true }));

interface Stored {
  readonly host?: string;
  readonly skipVerify?: boolean;
  readonly tls?: Readonly<Record<string, string>>;
}

/** A folder as `docker` keeps its configuration in. */
async function configured(config: object, contexts: Readonly<Record<string, Stored>> = {}): Promise<string> {
  const folder = await mkdtemp(join(home, "config-"));
  await writeFile(join(folder, "config.json"), JSON.stringify(config));
  for (const [name, { host, skipVerify = false, tls = {} }] of Object.entries(contexts)) {
    const id = createHash("sha256").update(name).digest("hex");
    const endpoint = { Host: host, SkipTLSVerify: skipVerify };
    await mkdir(join(folder, "contexts/meta", id), { recursive: true });
    await writeFile(
      join(folder, "contexts/meta", id, "meta.json"),
      JSON.stringify({ Name: name, Metadata: {}, Endpoints: { docker: endpoint } }),
    );
    for (const [file, text] of Object.entries(tls)) {
      await mkdir(join(folder, "contexts/tls", id, "docker"), { recursive: true });
      await writeFile(join(folder, "contexts/tls", id, "docker", file), text);
    }
  }
  return folder;
}

/** What `docker://` stands for with these variables. */
async function engine(env: Record<string, string>, platform: NodeJS.Platform = "linux") {
  const { address, origin } = await createDialer(parseAddress("docker://"), {
    surroundings: { env, platform },
  });
  return { address, origin };
}

describe("the engine that docker:// stands for", () => {
  it("is the machine's own when nothing names another", async () => {
    const origin = "the Docker Engine's default socket";
    const address = "docker://unix:///var/run/docker.sock";
    expect(await engine({})).toEqual({ address, origin });
    expect(await engine({ HOME: join(home, "nobody") })).toEqual({ address, origin });
    expect(await engine({ DOCKER_HOST: "", DOCKER_CONTEXT: "", DOCKER_CONFIG: "" })).toEqual({
      address,
      origin,
    });
    const named = { DOCKER_CONFIG: await configured({ currentContext: "default" }) };
    expect(await engine(named)).toEqual({ address, origin });
    expect(await engine({}, "win32")).toEqual({ address: "docker://npipe:////./pipe/docker_engine", origin });
  });

  it("is that of DOCKER_HOST before that of any context", async () => {
    const DOCKER_CONFIG = await configured({ currentContext: "far" }, { far: { host: "tcp://far:2375" } });
    expect(await engine({ DOCKER_HOST: "tcp://far" })).toMatchObject({ address: "docker://tcp://far:2375" });
    expect(await engine({ DOCKER_HOST: "tcp://far/", DOCKER_TLS_VERIFY: "1" })).toMatchObject({
      address: "docker://tcp://far:2376",
    });
    for (const host of ["unix:///run/user/1000/docker.sock", "tcp://10.0.0.2:2375", "ssh://me@host"]) {
      const env = { DOCKER_HOST: host, DOCKER_CONTEXT: "far", DOCKER_CONFIG };
      const origin = "the Docker Engine, from DOCKER_HOST";
      expect(await engine(env)).toEqual({ address: `docker://${host}`, origin });
    }
  });

  it("is that of DOCKER_CONTEXT before that of the current context", async () => {
    const contexts = { near: { host: "unix:///near.sock" }, far: { host: "ssh://far" } };
    const DOCKER_CONFIG = await configured({ currentContext: "near" }, contexts);
    expect(await engine({ DOCKER_CONFIG })).toEqual({
      address: "docker://unix:///near.sock",
      origin: `the Docker context near, from ${join(DOCKER_CONFIG, "config.json")}`,
    });
    expect(await engine({ DOCKER_CONFIG, DOCKER_CONTEXT: "far" })).toEqual({
      address: "docker://ssh://far",
      origin: "the Docker context far, from DOCKER_CONTEXT",
    });
    expect(await engine({ DOCKER_CONFIG, DOCKER_CONTEXT: "default" })).toMatchObject({
      address: "docker://unix:///var/run/docker.sock",
    });
  });

  it("can be a context that the address names", async () => {
    const DOCKER_CONFIG = await configured({}, { far: { host: "tcp://far:2375" } });
    const surroundings = { env: { DOCKER_CONFIG, DOCKER_HOST: "tcp://other:1" }, platform: "linux" } as const;
    const address = parseAddress("docker://?context=far");
    expect(await createDialer(address, { surroundings })).toMatchObject({
      address: "docker://tcp://far:2375",
      origin: "the Docker context far",
      authority: "far:2375",
    });
    expect(await createDialer(parseAddress("docker://?context=default"), { surroundings })).toMatchObject({
      address: "docker://tcp://other:1",
    });
  });

  it("is looked for in the user's home", async () => {
    const folder = await configured({ currentContext: "a" }, { a: { host: "tcp://a:1" } });
    await mkdir(join(home, "user"));
    await rename(folder, join(home, "user", ".docker"));
    expect(await engine({ HOME: join(home, "user") })).toMatchObject({ address: "docker://tcp://a:1" });
    expect(await engine({ USERPROFILE: join(home, "user") }, "win32")).toMatchObject({
      address: "docker://tcp://a:1",
    });
  });
});

describe("a configuration that leads nowhere", () => {
  it.each<[string, Record<string, string>, RegExp]>([
    [
      "a context that is not there",
      { DOCKER_CONTEXT: "gone" },
      /there is no such Docker context in .*contexts; docker context ls/,
    ],
    ["a context without an engine", { DOCKER_CONTEXT: "empty" }, /has no address of an engine/],
    [
      "a context with an unknown scheme",
      { DOCKER_CONTEXT: "odd" },
      /context odd, from DOCKER_CONTEXT\): cannot use the address "docker:\/\/vsock:\/\/3"/,
    ],
    ["an engine without a scheme", { DOCKER_HOST: "", DOCKER_CONTEXT: "bare" }, /cannot use the address/],
    ["a host with a password", { DOCKER_HOST: "ssh://me:hunter2@host" }, /from DOCKER_HOST\).*no password/],
  ])("names %s", async (_name, env, message) => {
    const DOCKER_CONFIG = await configured(
      { auths: { "registry.test": { auth: "aHVudGVyMg==" } } },
      { empty: {}, odd: { host: "vsock://3" }, bare: { host: "?context=odd" } },
    );
    const thrown = await engine({ DOCKER_CONFIG, ...env }).catch((error: unknown) => error);
    expect(thrown).toMatchObject({ code: "ERR_BUILDKIT_CONNECT", message: expect.stringMatching(message) });
    expect(inspect(thrown)).not.toMatch(/hunter2|aHVudGVyMg/);
  });

  it("is tried last by discovery, and listed with what else was tried", async () => {
    const env = { DOCKER_CONTEXT: "gone", DOCKER_CONFIG: home, XDG_RUNTIME_DIR: "/nowhere" };
    const thrown = await Link.open(undefined, { surroundings: { env, platform: "darwin" } }).catch(
      (error: unknown) => error,
    );
    expect(thrown).toMatchObject({
      attempts: [
        { address: "unix:///var/run/buildkit/buildkitd.sock" },
        { address: "unix:///nowhere/buildkit/buildkitd.sock" },
        { origin: "the Docker context gone, from DOCKER_CONTEXT" },
      ],
    });
  });

  it("does not repeat what a broken file holds", async () => {
    const DOCKER_CONFIG = await mkdtemp(join(home, "broken-"));
    await writeFile(join(DOCKER_CONFIG, "config.json"), '{"auths":{"x":{"auth":"hunter2"}}');
    const thrown = await engine({ DOCKER_CONFIG }).catch((error: unknown) => error);
    expect(thrown).toMatchObject({ message: expect.stringContaining("config.json is not JSON") });
    expect(inspect(thrown, { depth: 10 })).not.toContain("hunter2");
  });
});

describe("TLS to an engine", () => {
  const authority = createAuthority("the engine's authority");
  const clients = createAuthority("the clients' authority");
  const server = authority.issue({ names: ["localhost"] });
  const client = clients.issue({});
  const material = { "ca.pem": authority.cert, "cert.pem": client.cert, "key.pem": client.key };
  const mutual = { ...server, ca: clients.cert, requestCert: true };

  const open = (env: Record<string, string>, address = "docker://") =>
    Link.open(address, { surroundings: { env, platform: "linux" } });

  it.each(["1.51", "1.53"])("takes the material of a context (API %s)", async (apiVersion) => {
    await using peer = await listenTlsEngine({ ...mutual, apiVersion });
    const host = `tcp://localhost:${peer.port}`;
    const DOCKER_CONFIG = await configured({ currentContext: "far" }, { far: { host, tls: material } });
    await using link = await open({ DOCKER_CONFIG });
    expect(link.address).toBe(`docker://${host}`);
    const protocols = apiVersion === "1.53" ? ["http/1.1", "h2"] : ["http/1.1", "http/1.1"];
    expect(peer.protocols).toEqual(protocols);
  });

  it("takes the material of DOCKER_CERT_PATH, or of the configuration's folder", async () => {
    await using peer = await listenTlsEngine({ ...mutual, apiVersion: "1.51" });
    const folder = await configured({});
    for (const [name, text] of Object.entries(material)) await writeFile(join(folder, name), text);
    const host = { DOCKER_HOST: `tcp://localhost:${peer.port}`, DOCKER_TLS_VERIFY: "1" };
    for (const place of [{ DOCKER_CERT_PATH: folder }, { DOCKER_CONFIG: folder }]) {
      await using link = await open({ ...host, ...place });
      expect(link.origin).toBe("the Docker Engine, from DOCKER_HOST");
    }
  });

  it("verifies, unless the configuration says that it should not", async () => {
    await using peer = await listenTlsEngine({
      ...clients.issue({ names: ["localhost"] }),
      apiVersion: "1.51",
    });
    const host = `tcp://localhost:${peer.port}`;
    const DOCKER_CONFIG = await configured(
      {},
      { strict: { host, tls: { "ca.pem": authority.cert } }, lax: { host, skipVerify: true } },
    );
    await expect(open({ DOCKER_CONFIG }, "docker://?context=strict")).rejects.toMatchObject({
      attempts: [{ failure: "certificate-authority", origin: "the Docker context strict" }],
    });
    await using lax = await open({ DOCKER_CONFIG }, "docker://?context=lax");
    expect(lax.address).toBe(`docker://${host}`);
  });

  it("takes the caller's options for an address of the caller's", async () => {
    await using peer = await listenTlsEngine({ ...mutual, apiVersion: "1.51" });
    const tls = { ca: authority.cert, cert: client.cert, key: client.key };
    await using link = await Link.open(`docker://localhost:${peer.port}`, { tls });
    expect(link.address).toBe(`docker://tcp://localhost:${peer.port}`);
  });
});

describe("an engine's API", () => {
  it("can be dialed by itself", async () => {
    await using peer = await listenEngine({ apiVersion: "1.51", onStream: (stream) => answer(stream) });
    const dialer = await createEngineDialer({
      kind: "docker-engine",
      engine: { kind: "unix", path: peer.path },
    });
    const pipe = await dialer.dial();
    pipe.write("GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n");
    const [head] = (await new Promise<Buffer>((resolve) => pipe.once("data", resolve)))
      .toString()
      .split("\r\n");
    expect(head).toBe("HTTP/1.1 200 OK");
    pipe.destroy();
  });
});
