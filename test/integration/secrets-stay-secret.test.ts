import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Writable } from "node:stream";
import { inspect } from "node:util";
import { connect } from "@buildkit-node/control";
import { http, image, mkfile, scratch, secret } from "@buildkit-node/llb";
import { display } from "@buildkit-node/progress";
import { fixedCredentials } from "@buildkit-node/session";
import { describe, expect, it } from "vitest";
import { needsCapability } from "../support/capabilities.ts";
import { createAuthority } from "../support/certificates.ts";
import { startRegistry } from "../support/registry.ts";
import { shell, toolsDirectory, toolsRoot, workDirectory } from "../support/tools.ts";
import { describeEachDaemon } from "../support/ways.ts";

/** What must not be found anywhere; no part of it is a word. */
const planted = "hunter2Zq7";

/** Everything that somebody may print of a value: what consoles draw, JSON, and the texts of an error and its causes. */
function printed(value: unknown): string {
  const texts = [
    inspect(value, { depth: Infinity, showHidden: true, maxStringLength: Infinity }),
    String(value),
  ];
  try {
    texts.push(JSON.stringify(value));
  } catch {
    // What cannot be written as JSON cannot be printed so.
  }
  if (value instanceof Error) texts.push(value.message, value.stack ?? "", printed(value.cause));
  if (value instanceof AggregateError) texts.push(...value.errors.map(printed));
  return texts.join("\n");
}

function expectNoneIn(value: unknown): void {
  const text = printed(value);
  const at = text.indexOf(planted);
  expect(at < 0 ? "" : text.slice(Math.max(0, at - 200), at + 50)).toBe("");
  const encoded = Buffer.from(planted).toString("base64").slice(0, 12);
  expect(text).not.toContain(encoded);
}

async function failureOf(running: Promise<unknown>): Promise<unknown> {
  return running.then(
    () => {
      throw new Error("it succeeded");
    },
    (error: unknown) => error,
  );
}

/** A progress display that keeps what it writes. */
function recorded() {
  let written = "";
  const stream = new Writable({
    write: (chunk, _encoding, done) => {
      written += String(chunk);
      done();
    },
  });
  return { stream, text: () => written };
}

describeEachDaemon("what a build is given in secret", ({ address }) => {
  it("a secret is in no log, progress, error or inspection of a build that fails", async () => {
    await using work = await workDirectory();
    const tools = await toolsDirectory(work.path);
    await using client = await connect(address);
    const step = shell(`echo ${Math.random()}; busybox test -s /run/secrets/token && echo given; exit 3`);
    const state = toolsRoot().run(step, { mounts: [secret("token")] });
    const screen = recorded();
    const build = client.start(state, {
      locals: { tools },
      secrets: { token: { value: planted } },
      progress: display("rawjson", { stream: screen.stream }),
    });
    const events: unknown[] = [];
    for await (const event of build.events()) events.push(event);
    const error = await failureOf(build.result);
    expect(error).toMatchObject({ exitCode: 3, logs: expect.arrayContaining(["given"]) });
    expectNoneIn([error, events, build, client, screen.text()]);
    const large = { value: planted.repeat(60_000) };
    expectNoneIn(await failureOf(client.solve(state, { locals: { tools }, secrets: { token: large } })));
  });

  it("a registry's password is in none either, also where the registry refuses it", async () => {
    await using work = await workDirectory();
    await writeFile(work.in("htpasswd"), "me:$2y$05$abcdefghijklmnopqrstuuQbLfdQZSxZ9gjhA5V9o8Tyc6aQRO0Qi\n");
    await using registry = await startRegistry({
      auth: { htpasswd: { realm: "basic", path: work.in("htpasswd") } },
    });
    await using client = await connect(address);
    const credentials = fixedCredentials({ [registry.host]: { username: "me", password: planted } });
    const ref = `${registry.host}/app:1`;
    const screen = recorded();
    const build = client.start(image(ref).file(mkfile("/file", "x")), {
      auth: { credentials },
      progress: display("plain", { stream: screen.stream, env: {} }),
    });
    const events: unknown[] = [];
    for await (const event of build.events()) events.push(event);
    const error = await failureOf(build.result);
    expect(String(error)).toMatch(/401|unauthorized|authorization failed/i);
    expectNoneIn([error, events, build, client, screen.text()]);
    expectNoneIn(await failureOf(client.resolveImageConfig(ref, { auth: { credentials } })));
  });

  it("credentials of a configuration that is damaged are not quoted", async () => {
    await using work = await workDirectory();
    await using client = await connect(address);
    for (const damaged of [
      `{"auths": {"127.0.0.1:1": {"auth": "${planted}"`,
      JSON.stringify({ auths: { "127.0.0.1:1": { auth: planted } } }),
      JSON.stringify({ auths: { "127.0.0.1:1": planted } }),
    ]) {
      await writeFile(work.in("config.json"), damaged);
      const env = { DOCKER_CONFIG: work.path, DOCKER_AUTH_CONFIG: damaged };
      const auth = { auth: { env } };
      expectNoneIn(await failureOf(client.resolveImageConfig("127.0.0.1:1/team/app:1", auth)));
    }
  });

  it("the password in the address of a repository is not quoted", async () => {
    await using client = await connect(address);
    const context = `http://me:${planted}@127.0.0.1:1/team/app.git`;
    const build = client.startDockerfile({ context });
    const events: unknown[] = [];
    for await (const event of build.events()) events.push(event);
    expectNoneIn([await failureOf(build.result), events]);
  });

  it("keys for ssh that cannot be used are not quoted", async () => {
    await using work = await workDirectory();
    await using client = await connect(address);
    const key = `-----BEGIN OPENSSH PRIVATE KEY-----\n${planted}\n-----END OPENSSH PRIVATE KEY-----\n`;
    await writeFile(work.in("key"), key);
    const ssh = [`default=${work.in("key")}`];
    expectNoneIn(await failureOf(client.solve(scratch().file(mkfile("/file", "x")), { ssh })));
  });

  it("what opens a cache is in none", async () => {
    await using client = await connect(address);
    const graph = () => scratch().file(mkfile("/file", `${Math.random()}`));
    const nobody = "http://127.0.0.1:1";
    const caches = [
      {
        type: "s3",
        bucket: "b",
        region: "r",
        endpointUrl: nobody,
        accessKeyId: "id",
        secretAccessKey: planted,
        sessionToken: planted,
      },
      { type: "gha", url: nobody, token: planted },
      { type: "azblob", accountUrl: nobody, name: "n", secretAccessKey: planted },
      { type: "registry", ref: "127.0.0.1:1/team/cache", attrs: { password: planted } },
      { type: "registry", ref: `http://me:${planted}@127.0.0.1:1/team/cache` },
      { type: "tape", attrs: { token: planted } },
    ] as const;
    for (const cache of caches) {
      const screen = recorded();
      const build = client.start(graph(), {
        cacheFrom: [cache],
        cacheTo: [cache],
        progress: display("rawjson", { stream: screen.stream }),
      });
      expectNoneIn([await failureOf(build.result), build, client, screen.text()]);
    }
  });

  it("values of build arguments are in none, passwords of proxies among them", async () => {
    await using work = await workDirectory();
    await writeFile(
      `${await toolsDirectory(work.path)}/Dockerfile`,
      ["FROM scratch", "COPY busybox /bin/sh", "ARG NPM_TOKEN", `RUN echo ${Math.random()}; exit 3`].join(
        "\n",
      ),
    );
    await using client = await connect(address);
    const proxy = `http://me:${planted}@127.0.0.1:1`;
    const screen = recorded();
    const build = client.startDockerfile({
      context: work.in("tools"),
      args: { NPM_TOKEN: planted, HTTP_PROXY: proxy, https_proxy: proxy },
      progress: display("rawjson", { stream: screen.stream }),
    });
    const error = await failureOf(build.result);
    expect(error).toMatchObject({ exitCode: 3 });
    expectNoneIn([error, build, client, screen.text()]);
    expectNoneIn(await client.history.error(build.ref));
  });

  it("headers that open a download are in none", async (context) => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.headers.authorization ?? "");
      response.writeHead(401).end("no");
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    await using _closing = { [Symbol.asyncDispose]: async () => void server.close() };
    const { port } = server.address() as AddressInfo;
    await using client = await connect(address);
    await needsCapability(context, client, "source.http.auth");
    const source = http(`http://127.0.0.1:${port}/file`, { authHeaderSecret: "download" });
    const screen = recorded();
    const build = client.start(source, {
      secrets: { download: { value: `Bearer ${planted}` } },
      progress: display("rawjson", { stream: screen.stream }),
    });
    const error = await failureOf(build.result);
    expect(String(error)).toContain("401");
    expect(asked).toContain(`Bearer ${planted}`);
    expectNoneIn([error, build, client, screen.text()]);
  });

  it("credentials of a helper that fails are in none", async () => {
    await using work = await workDirectory();
    await using client = await connect(address);
    await writeFile(work.in("config.json"), JSON.stringify({ credHelpers: { "127.0.0.1:1": "broken" } }));
    for (const answer of [`{"Secret":"${planted}`, `{"Username":1,"Secret":"${planted}"}`, planted]) {
      for (const code of [0, 1]) {
        await writeFile(
          work.in("docker-credential-broken"),
          `#!/bin/sh\ncat >/dev/null\nprintf '%s' '${answer}'\nexit ${code}\n`,
          { mode: 0o755 },
        );
        const env = { DOCKER_CONFIG: work.path, PATH: `${work.path}:${process.env["PATH"]}` };
        expectNoneIn(await failureOf(client.resolveImageConfig("127.0.0.1:1/team/app:1", { auth: { env } })));
      }
    }
  });
});

describe("what a connection is given in secret", () => {
  it("a password in an address is in no error", async () => {
    for (const address of [
      `tcp://me:${planted}@127.0.0.1:1`,
      `tcp://me:${planted}@[::1`,
      `docker://ssh://me:${planted}@host`,
      `ssh://me:${planted}@host`,
      `me:${planted}@host:1`,
      `docker://me:${planted}@127.0.0.1:1`,
      `https://me:${planted}@127.0.0.1:1`,
    ]) {
      expectNoneIn(await failureOf(connect(address)));
      const surroundings = { env: { BUILDKIT_HOST: address }, platform: process.platform };
      expectNoneIn(await failureOf(connect(undefined, { surroundings })));
      const engine = { env: { DOCKER_HOST: address }, platform: process.platform };
      expectNoneIn(await failureOf(connect("docker://", { surroundings: engine })));
    }
  });

  it("a key for TLS is in no error, whatever is wrong with it", async () => {
    const authority = createAuthority("an authority");
    const { cert } = authority.issue({});
    const body = `${planted}${"A".repeat(64)}`;
    for (const key of [
      `-----BEGIN PRIVATE KEY-----\n${body}\n-----END PRIVATE KEY-----\n`,
      `-----BEGIN ENCRYPTED PRIVATE KEY-----\n${body}\n-----END ENCRYPTED PRIVATE KEY-----\n`,
      `${body}${"A".repeat(64)}`,
      body,
    ]) {
      for (const tls of [{ cert, key }, { ca: key }, { cert: key, key: cert }]) {
        expectNoneIn(await failureOf(connect("tcp://127.0.0.1:1", { tls })));
      }
    }
  });
});
