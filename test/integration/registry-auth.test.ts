import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type AuthOptions, authService, fixedCredentials } from "@buildkit-node/session";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Registry, startRegistry } from "../support/registry.ts";
import { buildInSession } from "../support/session-build.ts";
import { startTokenServer, type TokenServer } from "../support/token-server.ts";
import { describeEachDaemon, type Way } from "../support/ways.ts";

const user = { username: "me", password: "opensesame" };
/** `user`'s line of an htpasswd file. */
const htpasswd = "me:$2y$05$abcdefghijklmnopqrstuuQbLfdQZSxZ9gjhA5V9o8Tyc6aQRO0Qi\n";

let dir: string;
let basic: Registry;
let tokens: TokenServer;
let bearer: Registry;
beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), "bk-auth-"));
  await writeFile(path.join(dir, "htpasswd"), htpasswd);
  basic = await startRegistry({ auth: { htpasswd: { realm: "basic", path: path.join(dir, "htpasswd") } } });
  tokens = await startTokenServer(user);
  await writeFile(path.join(dir, "roots.pem"), tokens.roots);
  const { realm, service, issuer } = tokens;
  bearer = await startRegistry({
    auth: { token: { realm, service, issuer, rootcertbundle: path.join(dir, "roots.pem") } },
  });
});
afterAll(async () => {
  await bearer?.[Symbol.asyncDispose]();
  await tokens?.[Symbol.asyncDispose]();
  await basic?.[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

/** Pushes a small image, then builds on top of it. */
async function pushAndPull(way: Way, { host }: Registry, options: AuthOptions): Promise<void> {
  const name = `${host}/${way.daemon.replaceAll(/[^a-z]/gi, "").toLowerCase()}/app:${Date.now()}`;
  const attachables = [authService({ env: { DOCKER_CONFIG: dir }, ...options })];
  await buildInSession(way, {
    dockerfile: "FROM scratch\nCOPY small /",
    files: { small: name },
    attachables,
    exporters: [{ type: "image", attrs: { name, push: "true" } }],
  });
  await buildInSession(way, {
    dockerfile: `FROM ${name}\nCOPY small /again`,
    files: { small: name },
    frontendAttrs: { "image-resolve-mode": "pull" },
    attachables,
  });
}

const as = (registry: Registry, password = user.password): AuthOptions => ({
  credentials: fixedCredentials({ [registry.host]: { ...user, password } }),
});

describeEachDaemon("a registry that wants a password", (way) => {
  it("gets it, from the caller or from Docker's configuration", async () => {
    await pushAndPull(way, basic, as(basic));
    const auth = Buffer.from(`${user.username}:${user.password}`).toString("base64");
    await writeFile(path.join(dir, "config.json"), JSON.stringify({ auths: { [basic.host]: { auth } } }));
    try {
      await pushAndPull(way, basic, {});
    } finally {
      await rm(path.join(dir, "config.json"));
    }
  });

  it("refuses another, and another registry's", async () => {
    for (const options of [as(basic, "wrong"), as(bearer)]) {
      await expect(pushAndPull(way, basic, options)).rejects.toMatchObject({
        text: expect.stringMatching(/401|unauthorized|no basic auth credentials|authorization failed/i),
      });
    }
  });
});

describeEachDaemon("a registry that wants a token", (way) => {
  it("gets one that we have fetched, so that the daemon never sees the password", async () => {
    const before = tokens.seen.length;
    await pushAndPull(way, bearer, as(bearer));
    const seen = tokens.seen.slice(before);
    expect(seen.length).toBeGreaterThan(0);
    for (const { method, userAgent, user, scope } of seen) {
      expect({ method, user }).toEqual({ method: "POST", user: "me" });
      expect(userAgent).toBe("node");
      expect(scope).toMatch(/^repository:/);
    }
  });

  it("gets one that the daemon has fetched, when that is wanted", async () => {
    const before = tokens.seen.length;
    await pushAndPull(way, bearer, { ...as(bearer), clientTokens: false });
    const seen = tokens.seen.slice(before);
    expect(seen.length).toBeGreaterThan(0);
    for (const { userAgent } of seen) expect(userAgent).not.toBe("node");
  });

  it("gets none for a wrong password, and the build says so", async () => {
    await expect(pushAndPull(way, bearer, as(bearer, "wrong"))).rejects.toMatchObject({
      text: expect.stringContaining("incorrect username or password"),
    });
  });
});
