import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dockerCredentials, fixedCredentials } from "@buildkit-node/session";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "docker-credentials-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const basic = (username: string, password: string) =>
  Buffer.from(`${username}:${password}`).toString("base64");

async function source(config: unknown, env: Readonly<Record<string, string>> = {}, helperTimeoutMs = 30_000) {
  await writeFile(join(dir, "config.json"), typeof config === "string" ? config : JSON.stringify(config));
  const credentials = dockerCredentials({
    env: { PATH: `${join(dir, "bin")}:${process.env["PATH"]}`, DOCKER_CONFIG: dir, ...env },
    helperTimeoutMs,
  });
  return (host: string) => credentials(host, {});
}

async function helper(name: string, script: string): Promise<void> {
  const path = join(dir, "bin", `docker-credential-${name}`);
  await mkdir(join(dir, "bin"), { recursive: true });
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
}

describe("auths", () => {
  it("gives a host its own credentials and another host none", async () => {
    const ask = await source({ auths: { "ghcr.io": { auth: basic("me", "pass:with:colons") } } });
    expect(await ask("ghcr.io")).toMatchObject({ username: "me", password: "pass:with:colons" });
    expect(await ask("ghcr.io:8443")).toBeUndefined();
    expect(await ask("evil.example/ghcr.io")).toBeUndefined();
    expect(await ask("hcr.io")).toBeUndefined();
  });

  it.each([
    ["https://index.docker.io/v1/", "registry-1.docker.io"],
    ["docker.io", "registry-1.docker.io"],
    ["https://registry.example:5000/v2/", "registry.example:5000"],
    ["http://localhost:5000", "localhost:5000"],
    ["registry.example/team", "registry.example"],
  ])("finds %s for %s", async (key, host) => {
    const ask = await source({ auths: { [key]: { auth: basic("me", "secret") } } });
    expect(await ask(host)).toMatchObject({ username: "me", password: "secret" });
  });

  it("prefers the key that Docker itself writes", async () => {
    const ask = await source({
      auths: {
        "ghcr.io": { auth: basic("plain", "p") },
        "https://ghcr.io/v2/": { auth: basic("url", "p") },
      },
    });
    expect(await ask("ghcr.io")).toMatchObject({ username: "plain" });
  });

  it("knows identity tokens and registry tokens", async () => {
    const ask = await source({
      auths: { one: { identitytoken: "refresh" }, two: { registrytoken: "bearer" }, three: {} },
    });
    expect(await ask("one")).toMatchObject({ identityToken: "refresh" });
    expect(await ask("two")).toMatchObject({ registryToken: "bearer" });
    expect(await ask("three")).toBeUndefined();
  });

  it("is anonymous without a configuration", async () => {
    const credentials = dockerCredentials({ dir: join(dir, "absent"), env: {} });
    expect(await credentials("ghcr.io", {})).toBeUndefined();
  });

  it("does not quote a configuration that it cannot use", async () => {
    for (const config of [
      '{"auths": {"ghcr.io": {"auth": "c2VjcmV0"}}}',
      '{"auths": {"ghcr.io": "c2VjcmV0"}}',
      '{"auths": {"ghcr.io": c2VjcmV0',
      "[]",
    ]) {
      const ask = await source(config);
      const error = await ask("ghcr.io").catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: "ERR_BUILDKIT_AUTH", message: expect.stringContaining(dir) });
      expect(String((error as Error).stack)).not.toMatch(/c2VjcmV0|secret/);
    }
  });
});

describe("DOCKER_AUTH_CONFIG", () => {
  it("comes before helpers and files", async () => {
    await helper("store", 'echo \'{"Username":"store","Secret":"s"}\'');
    const config = { auths: { "ghcr.io": { auth: basic("env", "e") } } };
    const ask = await source({ credsStore: "store" }, { DOCKER_AUTH_CONFIG: JSON.stringify(config) });
    expect(await ask("ghcr.io")).toMatchObject({ username: "env" });
    expect(await ask("other.example")).toMatchObject({ username: "store" });
  });
});

describe("helpers", () => {
  it("asks the host's helper, else the store, with the server's name on its input", async () => {
    await helper("one", `read -r url; echo "{\\"Username\\":\\"one\\",\\"Secret\\":\\"$1 $url\\"}"`);
    await helper("two", `read -r url; echo "{\\"Username\\":\\"<token>\\",\\"Secret\\":\\"$1 $url\\"}"`);
    const ask = await source({ credHelpers: { "ghcr.io": "one" }, credsStore: "two" });
    expect(await ask("ghcr.io")).toEqual({ username: "one", password: "get ghcr.io" });
    expect(await ask("registry-1.docker.io")).toEqual({
      identityToken: "get https://index.docker.io/v1/",
    });
  });

  it("falls back to auths when the helper knows nothing", async () => {
    await helper("none", "echo 'credentials not found in native keychain'; exit 1");
    const ask = await source({ credsStore: "none", auths: { "ghcr.io": { auth: basic("file", "f") } } });
    expect(await ask("ghcr.io")).toMatchObject({ username: "file" });
    expect(await ask("other.example")).toBeUndefined();
  });

  it("says which helper is missing, fails or talks nonsense", async () => {
    const failing = async (config: unknown, timeoutMs?: number) => {
      const ask = await source(config, {}, timeoutMs);
      return ask("ghcr.io").catch((error: unknown) => error);
    };
    expect(await failing({ credsStore: "missing" })).toMatchObject({
      code: "ERR_BUILDKIT_AUTH",
      host: "ghcr.io",
      message: expect.stringContaining("docker-credential-missing"),
    });
    await helper("bad", "echo 'the keychain is locked'; exit 3");
    expect(await failing({ credsStore: "bad" })).toMatchObject({
      message: expect.stringMatching(/docker-credential-bad.*exit code 3.*the keychain is locked/),
    });
    await helper("odd", "echo hunter2");
    const odd = (await failing({ credsStore: "odd" })) as Error;
    expect(odd.message).toContain("docker-credential-odd");
    expect(odd.message).not.toContain("hunter2");
    for (const script of ["exec sleep 60", "sleep 60", "sleep 60 & wait"]) {
      await helper("slow", script);
      expect(await failing({ credsStore: "slow" }, 100)).toMatchObject({
        message: expect.stringContaining("it may take 100 ms"),
      });
    }
    await helper("talking", "exec yes");
    expect(await failing({ credsStore: "talking" })).toMatchObject({
      message: expect.stringMatching(/docker-credential-talking was killed: it may answer \d+ bytes/),
    });
    await helper("crashing", "kill -SEGV $$");
    expect(await failing({ credsStore: "crashing" })).toMatchObject({
      message: expect.stringContaining("killed by a signal"),
    });
  });

  it("asks once for a host, and never runs a helper twice at a time", async () => {
    const log = join(dir, "log");
    await helper(
      "store",
      `echo start >> ${log}; sleep 0.05; echo end >> ${log}; echo '{"Username":"u","Secret":"s"}'`,
    );
    const ask = await source({ credsStore: "store" });
    await Promise.all(["a.example", "b.example", "a.example", "c.example"].map(ask));
    expect((await readFile(log, "utf8")).trim().split("\n")).toEqual([
      "start",
      "end",
      "start",
      "end",
      "start",
      "end",
    ]);
  });

  it("asks again after a failure", async () => {
    const flag = join(dir, "unlocked");
    await helper("store", `test -e ${flag} || exit 1; echo '{"Username":"u","Secret":"s"}'`);
    const ask = await source({ credsStore: "store" });
    await expect(ask("ghcr.io")).rejects.toMatchObject({ code: "ERR_BUILDKIT_AUTH" });
    await writeFile(flag, "");
    expect(await ask("ghcr.io")).toMatchObject({ username: "u" });
  });

  it("stops waiting when the caller does", async () => {
    await helper("slow", "exec sleep 60");
    await source({ credsStore: "slow" });
    const credentials = dockerCredentials({
      dir,
      env: { PATH: `${join(dir, "bin")}:${process.env["PATH"]}` },
      helperTimeoutMs: 2000,
    });
    const reason = new Error("enough");
    const controller = new AbortController();
    const waiting = credentials("ghcr.io", { signal: controller.signal });
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
  });
});

describe("fixedCredentials", () => {
  it("answers for its hosts and asks on for the others", async () => {
    const credentials = fixedCredentials(
      { "docker.io": { username: "hub", password: "p" } },
      async (host) => ({
        username: `other ${host}`,
        password: "p",
      }),
    );
    expect(await credentials("registry-1.docker.io", {})).toMatchObject({ username: "hub" });
    expect(await credentials("ghcr.io", {})).toMatchObject({ username: "other ghcr.io" });
    expect(await fixedCredentials({})("ghcr.io", {})).toBeUndefined();
  });
});
