import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { duplexPair } from "node:stream";
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createAuthority, day } from "../../../test/support/certificates.ts";
import { ConnectError, type ConnectFailure, Link, type TlsOptions } from "../src/index.ts";
import { emptyCall } from "./support/empty-call.ts";
import { listenTls, type TlsPeer } from "./support/tls-peer.ts";

const authority = createAuthority("the daemon's authority");
const daemon = authority.issue({ names: ["localhost", "127.0.0.1", "buildkitd.test"] });
const clients = createAuthority("the clients' authority");
const client = clients.issue({});
const bare = { env: {}, platform: "linux" } as const;

/** Makes one call over TLS. */
async function call(peer: TlsPeer, tls: TlsOptions, host = "localhost"): Promise<void> {
  await using link = await Link.open(`tcp://${host}:${peer.port}`, { tls, surroundings: bare });
  const connection = await link.connection();
  await emptyCall(connection, "/test/Call");
}

/** The one attempt of a call that must fail. */
async function failure(peer: TlsPeer, tls: TlsOptions, host?: string) {
  const error = await call(peer, tls, host).catch((thrown: unknown) => thrown);
  if (!(error instanceof ConnectError)) throw new Error("connected, or failed otherwise", { cause: error });
  expect(error.message).not.toContain("PRIVATE KEY");
  expect(JSON.stringify(error.attempts)).not.toContain(client.key.split("\n")[1]);
  return { ...error.attempts[0]!, message: error.message };
}

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bk-tls-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** Writes files below the test's folder and gives the folder's path. */
async function filesIn(name: string, files: Record<string, string>): Promise<string> {
  const path = await mkdtemp(join(folder, `${name}-`));
  for (const [file, text] of Object.entries(files)) await writeFile(join(path, file), text);
  return path;
}

describe("TLS", () => {
  it("takes the authority as bytes, as PEM text and as a file", async () => {
    await using peer = await listenTls({ ...daemon });
    const path = await filesIn("ca", { "authority.pem": authority.cert });
    for (const ca of [Buffer.from(authority.cert), authority.cert, join(path, "authority.pem")]) {
      await call(peer, { ca });
    }
    expect(peer.calls).toHaveLength(3);
    expect(peer.calls[0]).toEqual({
      scheme: "https",
      authority: `localhost:${peer.port}`,
      serverName: "localhost",
      protocol: "h2",
      clientCertificate: false,
    });
  });

  it("checks an IP address by the addresses in the certificate, and names none in the handshake", async () => {
    await using peer = await listenTls({ ...daemon });
    await call(peer, { ca: authority.cert }, "127.0.0.1");
    expect(peer.calls[0]).toMatchObject({ authority: `127.0.0.1:${peer.port}`, serverName: false });
  });

  it("uses another server name for the handshake, the check and :authority", async () => {
    await using peer = await listenTls({ ...daemon });
    await call(peer, { ca: authority.cert, serverName: "buildkitd.test" });
    expect(peer.calls[0]).toMatchObject({ authority: "buildkitd.test", serverName: "buildkitd.test" });
    await expect(failure(peer, { ca: authority.cert, serverName: "other.test" })).resolves.toMatchObject({
      failure: "certificate-name",
    });
  });

  it("trusts what the machine trusts when no authority is given", async () => {
    await using peer = await listenTls({ ...daemon });
    const path = await filesIn("roots", { "roots.pem": authority.cert });
    for (const variable of ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"]) {
      const surroundings = { env: { [variable]: join(path, "roots.pem") }, platform: "linux" } as const;
      await using link = await Link.open(`tcp://localhost:${peer.port}`, { tls: {}, surroundings });
      expect(link.address).toBe(`tcp://localhost:${peer.port}`);
    }
    await expect(failure(peer, {})).resolves.toMatchObject({ failure: "certificate-authority" });
  });

  it("takes a peer without ALPN at its word", async () => {
    await using peer = await listenTls({ ...daemon, ALPNProtocols: [] });
    await call(peer, { ca: authority.cert });
    expect(peer.calls[0]?.protocol).toBe(false);
  });

  it("reads the files anew for each connection", async () => {
    await using peer = await listenTls({ ...daemon });
    const dir = await filesIn("rotated", { "ca.pem": authority.cert });
    await using link = await Link.open(`tcp://localhost:${peer.port}`, { tls: { dir }, surroundings: bare });
    const first = await link.connection();
    await writeFile(join(dir, "ca.pem"), clients.cert);
    for (const socket of peer.sockets) socket.destroy();
    await expect.poll(() => first.usable).toBe(false);
    await expect(link.connection()).rejects.toMatchObject({
      attempts: [{ failure: "certificate-authority" }],
    });
  });
});

describe("the daemon's certificate", () => {
  it.each<[string, ReturnType<typeof authority.issue>, ConnectFailure, RegExp]>([
    [
      "has expired",
      authority.issue({ names: ["localhost"], from: day(-2), until: day(-1) }),
      "certificate-expired",
      /has expired; renew it/,
    ],
    [
      "is not valid yet",
      authority.issue({ names: ["localhost"], from: day(1), until: day(2) }),
      "certificate-expired",
      /not valid yet; set this machine's clock/,
    ],
    [
      "is for another name",
      authority.issue({ names: ["other.test"] }),
      "certificate-name",
      /not for localhost but for DNS:other\.test; use a name/,
    ],
    [
      "is of another authority",
      clients.issue({ names: ["localhost"] }),
      "certificate-authority",
      /authority that is not trusted; give the authority's certificate in tls\.ca/,
    ],
    [
      "is signed with another key than its authority's",
      createAuthority("the daemon's authority").issue({ names: ["localhost"] }),
      "certificate-authority",
      /not signed by the authority that it names/,
    ],
    [
      "is signed by itself",
      createAuthority("the daemon itself"),
      "certificate-authority",
      /signed by itself/,
    ],
  ])("%s", async (_name, certificate, reason, message) => {
    await using peer = await listenTls({ cert: certificate.cert, key: certificate.key });
    const attempt = await failure(peer, { ca: authority.cert });
    expect(attempt.failure).toBe(reason);
    expect(attempt.message).toMatch(message);
    await expect.poll(() => peer.sockets.size).toBe(0);
  });
});

describe.each(["TLSv1.2", "TLSv1.3"] as const)("a client certificate over %s", (version) => {
  const mutual = () =>
    listenTls({ ...daemon, ca: clients.cert, requestCert: true, minVersion: version, maxVersion: version });

  it("is given as options or in a folder, under either of the names", async () => {
    await using peer = await mutual();
    await call(peer, { ca: authority.cert, cert: client.cert, key: client.key });
    const dirs = [
      await filesIn("pem", { "ca.pem": authority.cert, "cert.pem": client.cert, "key.pem": client.key }),
      await filesIn("crt", { "ca.crt": authority.cert, "tls.crt": client.cert, "tls.key": client.key }),
      await filesIn("mix", {
        "ca.pem": authority.cert,
        "ca.crt": clients.cert,
        "cert.pem": client.cert,
        "tls.key": client.key,
      }),
    ];
    for (const dir of dirs) await call(peer, { dir });
    expect(peer.calls.map((one) => one.clientCertificate)).toEqual([true, true, true, true]);
  });

  it("is missing", async () => {
    await using peer = await mutual();
    const attempt = await failure(peer, { ca: authority.cert });
    expect(attempt).toMatchObject({ failure: "client-certificate" });
    expect(attempt.message).toMatch(/requires a client certificate.*tls\.cert and tls\.key/);
  });

  it.each([
    ["another authority", authority.issue({})],
    ["another time", clients.issue({ from: day(-2), until: day(-1) })],
  ])("is of %s", async (_name, { cert, key }) => {
    await using peer = await mutual();
    // A TLS server of Node hangs up without an alert here; others send one.
    const attempt = await failure(peer, { ca: authority.cert, cert, key });
    expect(attempt).toMatchObject({ failure: "tls" });
    expect(attempt.message).toMatch(/client certificate/);
  });
});

describe("what a server says of our certificate", () => {
  it.each([
    ["ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", /requires a client certificate/],
    ["ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE", /requires a client certificate that it accepts/],
    ["ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE", /requires a client certificate that it accepts/],
    ["ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", /does not trust the client certificate's authority/],
    ["ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED", /client certificate has expired/],
  ])("%s", async (code, message) => {
    const [near, far] = duplexPair();
    const dialer = { address: "tcp://daemon:1", authority: "daemon:1", dial: async () => near };
    const opening = Link.open(dialer);
    far.once("data", () => near.destroy(Object.assign(new Error("alert"), { code })));
    await expect(opening).rejects.toMatchObject({
      attempts: [{ failure: "client-certificate", problem: expect.stringMatching(message) }],
    });
  });
});

describe("TLS files", () => {
  const port = 9;
  const open = (tls: TlsOptions) => Link.open(`tcp://127.0.0.1:${port}`, { tls, surroundings: bare });

  it.each<[string, TlsOptions, string]>([
    ["a certificate without its key", { cert: "/cert.pem" }, "tls.cert needs its key in tls.key"],
    ["a key without its certificate", { key: "/key.pem" }, "tls.key needs its certificate in tls.cert"],
    ["a folder and a file", { dir: "/certs", ca: "/ca.pem" }, "tls.dir stands in place of"],
  ])("%s", async (_name, tls, message) => {
    await expect(open(tls)).rejects.toMatchObject({
      code: "ERR_BUILDKIT_INVALID_ARGUMENT",
      message: expect.stringContaining(message),
    });
  });

  const unreadable = async (tls: TlsOptions, problem: RegExp) => {
    const thrown = await open(tls).catch((error: unknown) => error);
    expect(thrown).toMatchObject({ attempts: [{ failure: "tls", problem: expect.stringMatching(problem) }] });
    expect(inspect(thrown, { depth: 10 })).not.toContain("PRIVATE KEY");
  };

  it("that are not there", () => unreadable({ ca: "/nowhere/ca.pem" }, /\/nowhere\/ca\.pem cannot be read/));

  it("that are not PEM", async () => {
    const dir = await filesIn("der", { "ca.crt": "0\x82\x01\x02" });
    await unreadable({ dir }, /ca\.crt is not PEM/);
    await unreadable({ ca: Buffer.from("nothing") }, /tls\.ca is not PEM/);
  });

  it("of which a folder has none, or half", async () => {
    await unreadable({ dir: await filesIn("none", {}) }, /holds no TLS files/);
    const half = await filesIn("half", { "ca.pem": authority.cert, "cert.pem": client.cert });
    await unreadable({ dir: half }, /has a certificate and no key/);
  });

  it("that do not belong together", () =>
    unreadable({ cert: client.cert, key: clients.key }, /do not belong together/));

  it("with a passphrase", async () => {
    const { privateKey } = generateKeyPairSync("ec", {
      namedCurve: "P-256",
      publicKeyEncoding: { type: "spki", format: "pem" },
      privateKeyEncoding: { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "hunter2" },
    });
    await unreadable({ cert: client.cert, key: privateKey }, /is encrypted/);
  });

  it("that are a key without its PEM lines, which no error repeats", async () => {
    const key = client.key.split("\n").slice(1, -2).join("");
    const thrown = await open({ cert: client.cert, key }).catch((error: unknown) => error);
    expect(thrown).toMatchObject({ attempts: [{ problem: "tls.key is no file and not PEM" }] });
    expect(inspect(thrown, { depth: 10 })).not.toContain(key.slice(0, 32));
  });

  it("with a certificate in place of the key", () =>
    unreadable({ cert: client.cert, key: client.cert }, /cannot be used/));
});

describe("a TLS handshake", () => {
  it("that gets no answer ends in time, with the signal, and leaves no socket", async () => {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket.resume());
      socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const tls = { ca: authority.cert };
    await expect(Link.open(address, { tls, connectTimeoutMs: 100 })).rejects.toThrow("within 100 ms");
    const abort = new AbortController();
    const opening = Link.open(address, { tls, signal: abort.signal });
    opening.catch(() => {});
    await expect.poll(() => sockets.size).toBe(1);
    const reason = new Error("enough");
    abort.abort(reason);
    await expect(opening).rejects.toBe(reason);
    await expect.poll(() => sockets.size).toBe(0);
    server.close();
  });

  it("with what does not speak TLS says so", async () => {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.write("HTTP/1.1 400 Bad Request\r\n\r\n");
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await expect(Link.open(address, { tls: {}, surroundings: bare })).rejects.toMatchObject({
      attempts: [{ failure: "tls", problem: "what listens there does not speak TLS" }],
    });
    server.close();
  });

  it("that a daemon speaking TLS never got says so", async () => {
    await using peer = await listenTls({ ...daemon });
    await expect(Link.open(`tcp://localhost:${peer.port}`)).rejects.toThrow(
      /not BuildKit, or that speaks TLS.*give the tls option/,
    );
  });
});
