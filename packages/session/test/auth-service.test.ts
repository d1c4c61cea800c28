import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { Auth } from "@buildkit-node/proto/auth";
import {
  type AuthOptions,
  authService,
  fixedCredentials,
  type RegistryCredentials,
} from "@buildkit-node/session";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { callServices, type ServicePeer } from "./support/service-peer.ts";

const host = "registry.example";
const withCredentials = (credentials: RegistryCredentials) =>
  fixedCredentials({ [host]: credentials, "other.example": { username: "other", password: "other's" } });

let dir: string;
let peers: ServicePeer[];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "auth-service-"));
  peers = [];
});
afterEach(async () => {
  for (const peer of peers) await peer[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

async function client(options: AuthOptions = {}) {
  const peer = await callServices(authService({ env: { DOCKER_CONFIG: dir }, ...options }));
  peers.push(peer);
  return peer.client(Auth);
}

describe("Credentials", () => {
  it("are those of the host that is asked for", async () => {
    const auth = await client({ credentials: withCredentials({ username: "me", password: "mine" }) });
    expect(await auth.credentials({ Host: host })).toMatchObject({ Username: "me", Secret: "mine" });
    expect(await auth.credentials({ Host: "evil.example" })).toMatchObject({ Username: "", Secret: "" });
  });

  it("may be an identity token", async () => {
    const auth = await client({ credentials: withCredentials({ username: "u", identityToken: "refresh" }) });
    expect(await auth.credentials({ Host: host })).toMatchObject({ Username: "", Secret: "refresh" });
  });

  it("come from Docker's configuration by default", async () => {
    const config = { auths: { [host]: { auth: Buffer.from("file:secret").toString("base64") } } };
    await writeFile(join(dir, "config.json"), JSON.stringify(config));
    const auth = await client();
    expect(await auth.credentials({ Host: host })).toMatchObject({ Username: "file", Secret: "secret" });
  });
});

describe("the token authority", () => {
  const Salt = Uint8Array.from({ length: 32 }, (_, index) => index);
  const Payload = Uint8Array.from({ length: 32 }, (_, index) => 255 - index);
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

  // Go's crypto/ed25519 and golang.org/x/crypto/nacl/sign give these for the salt and payload above.
  const payloadHex = "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0efeeedecebeae9e8e7e6e5e4e3e2e1e0";
  const withSeed = {
    seed: "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
    publicKey: "c245b8bd198d3a211b4cbd8d2b9d09cb3424b6574320fbe4e4448be2142b7fc4",
    signature:
      "81e69d9e7991218ea40353147014cc3eb31788c5dfd3f695848968ca4626eeb5000f36b9dbc475373e74028a90db00495f2abce5f9f7a60bef5c1ede23a97d02",
  };
  const anonymous = {
    publicKey: "040621616cad1cec87d58de663a3da915dc2bf8afbd0bd361931d2c207644cc4",
    signature:
      "d7b427ce0e2fcbbe014c2c297b34dc35148b31d2d5804b85619b2dfe8687a28f801a31ef7255465f0b71709369f5a7ec6798f1e3620b5815aacd460a14989c0c",
  };

  it("answers what Go's client answers, for credentials and without", async () => {
    const Seed = Buffer.from(withSeed.seed, "hex").toString("base64");
    await writeFile(join(dir, ".token_seed"), JSON.stringify({ [host]: { Seed } }));
    const auth = await client({ credentials: withCredentials({ username: "me", password: "mine" }) });
    for (const [Host, known] of [
      [host, withSeed],
      ["anonymous.example", anonymous],
    ] as const) {
      expect(hex((await auth.getTokenAuthority({ Host, Salt })).PublicKey)).toBe(known.publicKey);
      const { Signed } = await auth.verifyTokenAuthority({ Host, Salt, Payload });
      expect(hex(Signed)).toBe(known.signature + payloadHex);
    }
  });

  it("keeps a seed for each host, for the owner's eyes only", async () => {
    const options = { credentials: withCredentials({ username: "me", password: "mine" }) };
    const key = async (Host: string) =>
      hex((await (await client(options)).getTokenAuthority({ Host, Salt })).PublicKey);
    const first = await key(host);
    expect(await key("other.example")).not.toBe(first);
    expect(await key(host)).toBe(first);
    const seeds = JSON.parse(await readFile(join(dir, ".token_seed"), "utf8"));
    expect(Object.keys(seeds)).toEqual([host, "other.example"]);
    expect(Buffer.from(seeds[host].Seed, "base64").length).toBe(16);
    expect((await stat(join(dir, ".token_seed"))).mode & 0o777).toBe(0o600);
  });

  it("starts a broken seed file over, and does without one where none can be", async () => {
    await writeFile(join(dir, ".token_seed"), "{");
    const options = { credentials: withCredentials({ username: "me", password: "mine" }) };
    const auth = await client(options);
    const { PublicKey } = await auth.getTokenAuthority({ Host: host, Salt });
    expect(Object.keys(JSON.parse(await readFile(join(dir, ".token_seed"), "utf8")))).toEqual([host]);
    expect(PublicKey.length).toBe(32);
    const nowhere = await client({ ...options, env: { DOCKER_CONFIG: join(dir, ".token_seed", "x") } });
    expect((await nowhere.getTokenAuthority({ Host: host, Salt })).PublicKey.length).toBe(32);
  });

  it("is not offered when the daemon is to fetch tokens itself", async () => {
    const unavailable = { code: "ERR_BUILDKIT_STATUS", status: "Unavailable" };
    for (const options of [{ clientTokens: false }, { env: { BUILDKIT_NO_CLIENT_TOKEN: "true" } }]) {
      const auth = await client(options);
      await expect(auth.getTokenAuthority({ Host: host, Salt })).rejects.toMatchObject(unavailable);
      await expect(auth.verifyTokenAuthority({ Host: host, Salt, Payload })).rejects.toMatchObject(
        unavailable,
      );
    }
  });
});

describe("FetchToken", () => {
  interface Seen {
    readonly method: string;
    readonly url: string;
    readonly authorization: string | undefined;
    readonly body: Readonly<Record<string, string>>;
  }
  type Answer = (request: Seen) => {
    readonly status?: number;
    readonly body?: unknown;
    readonly location?: string;
  };

  let close: (() => Promise<void>) | undefined;
  afterEach(() => close?.());

  /** A token server, what it has seen so far, and its address. */
  async function tokenServer(answer: Answer) {
    const seen: Seen[] = [];
    const server = createServer((request, response) => {
      void readRequest(request).then((read) => {
        seen.push(read);
        const { status = 200, body = {}, location } = answer(read);
        response.writeHead(status, location === undefined ? {} : { location });
        response.end(typeof body === "string" ? body : JSON.stringify(body));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const stop = close;
    close = async () => {
      await stop?.();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    };
    return { seen, realm: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token?x=1` };
  }

  async function readRequest(request: IncomingMessage): Promise<Seen> {
    const body = Object.fromEntries(new URLSearchParams(await text(request)));
    const { method = "", url = "", headers } = request;
    return { method, url, authorization: headers.authorization, body };
  }

  const request = (Realm: string) => ({
    ClientID: "buildkit-client",
    Host: host,
    Realm,
    Service: "registry",
    Scopes: ["repository:a:pull", "repository:b:pull,push"],
  });

  const password: RegistryCredentials = { username: "me", password: "hunter2" };

  it("posts a password, and passes on what it gets", async () => {
    const { seen, realm } = await tokenServer(() => ({
      body: { access_token: "T", expires_in: 300, issued_at: "2026-11-21T08:00:00Z" },
    }));
    const auth = await client({ credentials: withCredentials(password) });
    expect(await auth.fetchToken(request(realm))).toMatchObject({
      Token: "T",
      ExpiresIn: 300n,
      IssuedAt: BigInt(Date.parse("2026-11-21T08:00:00Z") / 1000),
    });
    expect(seen).toEqual([
      {
        method: "POST",
        url: "/token?x=1",
        authorization: undefined,
        body: {
          service: "registry",
          client_id: "buildkit-client",
          grant_type: "password",
          username: "me",
          password: "hunter2",
          scope: "repository:a:pull repository:b:pull,push",
        },
      },
    ]);
  });

  it("posts an identity token as a refresh token", async () => {
    const { seen, realm } = await tokenServer(() => ({ body: { access_token: "T" } }));
    const auth = await client({ credentials: withCredentials({ identityToken: "refresh" }) });
    expect(await auth.fetchToken(request(realm))).toMatchObject({ ExpiresIn: 60n, IssuedAt: 0n });
    expect(seen[0]?.body).toMatchObject({ grant_type: "refresh_token", refresh_token: "refresh" });
    expect(seen[0]?.body).not.toHaveProperty("username");
  });

  it("falls back to GET where the server does not know POST", async () => {
    for (const status of [404, 401, 405]) {
      const { seen, realm } = await tokenServer(({ method }) =>
        method === "POST" ? { status } : { body: { token: "T" } },
      );
      const auth = await client({ credentials: withCredentials(password) });
      expect((await auth.fetchToken(request(realm))).Token).toBe("T");
      expect(seen[1]).toEqual({
        method: "GET",
        url: "/token?x=1&service=registry&scope=repository%3Aa%3Apull&scope=repository%3Ab%3Apull%2Cpush",
        authorization: `Basic ${Buffer.from("me:hunter2").toString("base64")}`,
        body: {},
      });
    }
  });

  it("asks anonymously without credentials, and for a registry that has none", async () => {
    const { seen, realm } = await tokenServer(() => ({ body: { token: "T" } }));
    const auth = await client({ credentials: withCredentials(password) });
    await auth.fetchToken({ ...request(realm), Host: "evil.example" });
    expect(seen).toMatchObject([{ method: "GET", authorization: undefined }]);
  });

  it("gives a registry token as it is", async () => {
    const auth = await client({ credentials: withCredentials({ registryToken: "bearer" }) });
    expect((await auth.fetchToken(request("http://127.0.0.1:1/"))).Token).toBe("bearer");
  });

  it("does not send credentials on to where a redirect points", async () => {
    const elsewhere = await tokenServer(() => ({ body: { token: "stolen", access_token: "stolen" } }));
    const { realm } = await tokenServer(({ method }) =>
      method === "POST"
        ? { status: 307, location: elsewhere.realm }
        : { status: 302, location: elsewhere.realm },
    );
    const auth = await client({ credentials: withCredentials(password) });
    await expect(auth.fetchToken(request(realm))).rejects.toMatchObject({
      text: expect.stringContaining("answered 307"),
    });
    const other = await tokenServer(({ method }) =>
      method === "POST" ? { status: 404 } : { status: 302, location: elsewhere.realm },
    );
    await auth.fetchToken(request(other.realm));
    expect(elsewhere.seen).toMatchObject([{ method: "GET", authorization: undefined }]);
  });

  it("says what the server refused, and never the secret", async () => {
    for (const [status, body, expected] of [
      [403, { errors: [{ code: "DENIED", message: "no access for hunter2" }] }, "no access for ***"],
      [429, { details: "too many requests" }, "too many requests"],
      [500, "<html>hunter2</html>", "answered 500"],
      [200, {}, "no token"],
      [200, "x".repeat(2_000_000), "too large"],
    ] as const) {
      const { realm } = await tokenServer(() => ({ status, body }));
      const auth = await client({ credentials: withCredentials(password) });
      const error = await auth.fetchToken(request(realm)).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ text: expect.stringContaining(expected) });
      expect(error).toMatchObject({ text: expect.stringContaining(host) });
      expect((error as Error).message).not.toContain("hunter2");
    }
  });

  it("says that a server cannot be reached, and that an address is none", async () => {
    const auth = await client({ credentials: withCredentials(password) });
    await expect(auth.fetchToken(request("http://127.0.0.1:1/token"))).rejects.toMatchObject({
      text: expect.stringContaining("http://127.0.0.1:1"),
    });
    await expect(auth.fetchToken(request("file:///etc/passwd"))).rejects.toMatchObject({
      text: expect.stringContaining("file:///etc/passwd"),
    });
  });

  it("stops when the daemon no longer waits", async () => {
    let gone = () => {};
    const closed = new Promise<void>((resolve) => {
      gone = resolve;
    });
    const server = createServer((request) => {
      request.on("close", gone);
      request.socket.on("close", gone);
      controller.abort(new Error("enough"));
    });
    const controller = new AbortController();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    close = async () => void server.close();
    const realm = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const auth = await client({ credentials: withCredentials(password) });
    await expect(auth.fetchToken(request(realm), { signal: controller.signal })).rejects.toThrow("enough");
    await closed;
  });
});
