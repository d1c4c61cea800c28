import { createPrivateKey, randomUUID, sign, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { createAuthority } from "./certificates.ts";

/** A request that a token server has seen. */
export interface TokenRequest {
  readonly method: string;
  readonly userAgent: string;
  readonly user: string | undefined;
  readonly scope: string;
}

/** Gives tokens for a registry to one user, and to nobody else. */
export interface TokenServer extends AsyncDisposable {
  readonly realm: string;
  readonly service: string;
  readonly issuer: string;
  /** The certificates that the registry is to trust, as PEM. */
  readonly roots: string;
  readonly seen: readonly TokenRequest[];
}

export async function startTokenServer(user: {
  readonly username: string;
  readonly password: string;
}): Promise<TokenServer> {
  const authority = createAuthority("the token server's authority");
  const signer = authority.issue({});
  const names = { service: "the registry", issuer: "the token server" };
  const seen: TokenRequest[] = [];
  const server = createServer((request, response) => {
    void readRequest(request).then(({ password, ...known }) => {
      seen.push(known);
      if (known.user !== user.username || password !== user.password) {
        response.writeHead(401).end(JSON.stringify({ details: "incorrect username or password" }));
        return;
      }
      const token = issue(known.scope, names, signer);
      response.end(JSON.stringify({ token, access_token: token, expires_in: 300 }));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    ...names,
    realm: `http://127.0.0.1:${port}/token`,
    roots: authority.cert,
    seen,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

async function readRequest(request: IncomingMessage): Promise<TokenRequest & { readonly password: string }> {
  const { method = "", url = "", headers } = request;
  const userAgent = headers["user-agent"] ?? "";
  if (method === "POST") {
    const form = new URLSearchParams(await text(request));
    const user = form.get("username") ?? undefined;
    return { method, userAgent, user, password: form.get("password") ?? "", scope: form.get("scope") ?? "" };
  }
  const basic = Buffer.from((headers.authorization ?? "").replace("Basic ", ""), "base64").toString();
  const [user, password = ""] = basic.split(":");
  const scope = new URL(url, "http://localhost").searchParams.getAll("scope").join(" ");
  return { method, userAgent, user: user === "" ? undefined : user, password, scope };
}

function issue(
  scope: string,
  { service, issuer }: { readonly service: string; readonly issuer: string },
  signer: { readonly cert: string; readonly key: string },
): string {
  const now = Math.floor(Date.now() / 1000);
  const access = scope
    .split(" ")
    .filter((part) => part !== "")
    .map((part) => {
      const [type, name, actions = ""] = part.split(":");
      return { type, name, actions: actions.split(",") };
    });
  const x5c = [new X509Certificate(signer.cert).raw.toString("base64")];
  const header = { typ: "JWT", alg: "ES256", x5c };
  const claims = {
    iss: issuer,
    aud: service,
    sub: "user",
    iat: now,
    nbf: now - 10,
    exp: now + 300,
    jti: randomUUID(),
    access,
  };
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${encode(header)}.${encode(claims)}`;
  const key = createPrivateKey(signer.key);
  const signature = sign("sha256", Buffer.from(signed), { key, dsaEncoding: "ieee-p1363" });
  return `${signed}.${signature.toString("base64url")}`;
}
