import { createHash, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect as connectSocket } from "node:net";
import os from "node:os";
import path from "node:path";
import { connect } from "@buildkit-node/control";
import { Scope } from "@buildkit-node/core";
import { startRelay } from "@buildkit-node/daemon";
import { local } from "@buildkit-node/exporters";
import { copy, local as localSource, scratch } from "@buildkit-node/llb";
import { ConnectError, type Dialer, type LinkOptions, type TlsOptions } from "@buildkit-node/transport";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { createAuthority, day } from "../support/certificates.ts";
import { standIns } from "../support/stand-ins.ts";
import { startTlsRelay, type TlsRelay } from "../support/tls-relay.ts";
import { describeEachDaemon, type Way } from "../support/ways.ts";

const authority = createAuthority("the daemon's authority");
const daemon = authority.issue({ names: ["localhost", "buildkitd.test"] });
const clients = createAuthority("the clients' authority");
const client = clients.issue({});

let context = "";
const content = randomBytes(8 * 1024 * 1024);
beforeAll(async () => {
  context = await mkdtemp(path.join(os.tmpdir(), "bk-context-"));
  await writeFile(path.join(context, "file"), content);
});
afterAll(() => rm(context, { recursive: true }));

/** Has the daemon run a build that takes a file of some MB through the connection, and brings it back. */
async function use(address: string | Dialer, options: LinkOptions = {}): Promise<void> {
  await using client = await connect(address, options);
  const dest = await mkdtemp(path.join(os.tmpdir(), "bk-dest-"));
  const state = scratch().file(copy(localSource("context"), "file", "copied"));
  await client.solve(state, { locals: { context }, exports: [local({ dest })] });
  expect((await readFile(path.join(dest, "copied"))).equals(content)).toBe(true);
  await rm(dest, { recursive: true });
}

async function failure(address: string, options: LinkOptions): Promise<string | undefined> {
  const thrown = await use(address, options).catch((error: unknown) => error);
  if (thrown instanceof ConnectError) return thrown.attempts[0]?.failure;
  throw new Error("connected, or failed otherwise", { cause: thrown });
}

describeEachDaemon("the ways in to buildkitd", (way) => {
  const scope = new Scope();
  let socket = "";
  beforeAll(async () => {
    const folder = await mkdtemp(path.join(os.tmpdir(), "bk-ways-in-"));
    scope.defer(() => rm(folder, { recursive: true }));
    socket = path.join(folder, "buildkitd.sock");
    scope.use(await startRelay({ to: way.address, listen: `unix://${socket}` }));
  });
  afterAll(() => scope.close());

  describe("TLS", () => {
    const secured = (
      certificate = daemon,
      more: { readonly ca?: string; readonly requestCert?: boolean } = {},
    ): Promise<TlsRelay> =>
      startTlsRelay(socket, { cert: certificate.cert, key: certificate.key, ALPNProtocols: ["h2"], ...more });
    const mutual = () => secured(daemon, { ca: clients.cert, requestCert: true });
    const at = ({ port }: TlsRelay) => `tcp://localhost:${port}`;
    const tls: TlsOptions = { ca: authority.cert };

    it("by the daemon's authority", async () => {
      await using relay = await secured();
      await use(at(relay), { tls });
      await use(at(relay), { tls: { ...tls, serverName: "buildkitd.test" } });
    });

    it("by the machine's roots", async () => {
      await using relay = await secured();
      const file = `${socket}.roots.pem`;
      await writeFile(file, authority.cert);
      const surroundings = { env: { SSL_CERT_FILE: file }, platform: process.platform };
      await use(at(relay), { tls: {}, surroundings });
    });

    it("with a client certificate, from options or a folder", async () => {
      await using relay = await mutual();
      await use(at(relay), { tls: { ...tls, cert: client.cert, key: client.key } });
      const dir = await mkdtemp(`${socket}.tls-`);
      await writeFile(path.join(dir, "ca.pem"), authority.cert);
      await writeFile(path.join(dir, "tls.crt"), client.cert);
      await writeFile(path.join(dir, "tls.key"), client.key);
      await use(at(relay), { tls: { dir } });
    });

    it("not with certificates that are wrong", async () => {
      const expired = authority.issue({ names: ["localhost"], from: day(-2), until: day(-1) });
      await using old = await secured(expired);
      expect(await failure(at(old), { tls })).toBe("certificate-expired");
      await using other = await secured(authority.issue({ names: ["other.test"] }));
      expect(await failure(at(other), { tls })).toBe("certificate-name");
      await using foreign = await secured(clients.issue({ names: ["localhost"] }));
      expect(await failure(at(foreign), { tls })).toBe("certificate-authority");
      await using strict = await mutual();
      expect(await failure(at(strict), { tls })).toBe("client-certificate");
      const unknown = authority.issue({});
      // A TLS server of Node hangs up without an alert.
      expect(await failure(at(strict), { tls: { ...tls, cert: unknown.cert, key: unknown.key } })).toBe(
        "tls",
      );
      expect(await failure(at(strict), {})).toBe("not-buildkit");
    });
  });

  it.each([
    ["docker", "docker-container://builder?context=far"],
    ["podman", "podman-container://builder"],
    ["nerdctl", "nerdctl-container://builder?namespace=k8s.io"],
    ["kubectl", "kube-pod://builder-0?context=far&namespace=ci&container=buildkitd"],
    ["ssh", "ssh://me@host/run/buildkit/buildkitd.sock"],
  ])("%s", async (program, address) => {
    await using own = await standIns([program], { relay: socket });
    await use(address, own);
    // On a Docker Engine the build itself has a second connection, with a helper of its own.
    const programs = (await own.calls()).map((call) => call.program);
    expect(new Set(programs)).toEqual(new Set([program]));
    expect(programs.length).toBeLessThanOrEqual(2);
    expect(await own.alive()).toEqual([]);
  });

  it("a pipe that the caller brings", async () => {
    const dialer: Dialer = {
      address: "a socket of the test's own",
      authority: "localhost",
      dial: async () => connectSocket(socket),
    };
    await use(dialer);
  });
});

for (const way of inject("ways").filter(({ address }) => address.startsWith("docker://"))) {
  describe(`the ways in to a Docker Engine (${way.daemon})`, () => engineSuite(way));
}

function engineSuite(way: Way): void {
  const socket = way.address.replace(/^docker:\/\/(unix:\/\/)?/, "");

  it("ssh", async () => {
    await using own = await standIns(["ssh"], { relay: socket });
    await use("docker://ssh://me@host", own);
    // One pipe asks for the API's version, one carries the connection.
    // Two dials for each connection, of which an engine gets one more for the build.
    expect([2, 4]).toContain((await own.calls()).length);
    await expect.poll(() => own.alive()).toEqual([]);
  });

  it("DOCKER_HOST", async () => {
    const surroundings = { env: { DOCKER_HOST: `unix://${socket}` }, platform: process.platform };
    await use("docker://", { surroundings });
  });

  it("a context with TLS", async () => {
    await using relay = await startTlsRelay(socket, {
      cert: daemon.cert,
      key: daemon.key,
      ca: clients.cert,
      requestCert: true,
    });
    await using scope = new Scope();
    const config = await mkdtemp(path.join(os.tmpdir(), "bk-context-"));
    scope.defer(() => rm(config, { recursive: true }));
    const id = createHash("sha256").update("far").digest("hex");
    const meta = path.join(config, "contexts/meta", id);
    const tls = path.join(config, "contexts/tls", id, "docker");
    await mkdir(meta, { recursive: true });
    await mkdir(tls, { recursive: true });
    const endpoint = { Host: `tcp://localhost:${relay.port}`, SkipTLSVerify: false };
    await writeFile(path.join(meta, "meta.json"), JSON.stringify({ Endpoints: { docker: endpoint } }));
    await writeFile(path.join(tls, "ca.pem"), authority.cert);
    await writeFile(path.join(tls, "cert.pem"), client.cert);
    await writeFile(path.join(tls, "key.pem"), client.key);
    await writeFile(path.join(config, "config.json"), JSON.stringify({ currentContext: "far" }));
    const surroundings = { env: { DOCKER_CONFIG: config }, platform: process.platform };
    await use("docker://", { surroundings });
    await use("docker://?context=far", { surroundings });
  });
}
