import { errorMessage } from "@buildkit-node/core";
import { RegistryAuthError, type RegistryCredentials } from "./credentials.ts";

/** What a registry's challenge asks for. */
export interface TokenRequest {
  /** The registry that wants to see the token. */
  readonly host: string;
  /** The address of the token server. */
  readonly realm: string;
  readonly service: string;
  /** Such as `repository:library/alpine:pull`. */
  readonly scopes: readonly string[];
  readonly clientId: string;
}

export interface RegistryToken {
  readonly token: string;
  /** How long it lives, in seconds; 60 when the server does not say. */
  readonly expiresInSeconds: number;
  readonly issuedAt: Date | undefined;
}

/** `fetch`, or something like it that goes through a proxy or trusts another authority. */
export type Fetch = typeof fetch;

const defaultExpiresInSeconds = 60;
const maxAnswerBytes = 1024 * 1024;

/**
 * Gets a token for a registry. With credentials the OAuth2 form of the protocol is tried first and the older one where the
 * server does not know it; without, the token is an anonymous one. Credentials are never sent on to where a redirect
 * points.
 *
 * Throws a `RegistryAuthError` with the HTTP status and what the server said, or the signal's reason.
 */
export async function fetchToken(
  request: TokenRequest,
  credentials: RegistryCredentials | undefined,
  options: { readonly fetch: Fetch; readonly signal?: AbortSignal | undefined },
): Promise<RegistryToken> {
  if (credentials?.registryToken !== undefined) {
    return {
      token: credentials.registryToken,
      expiresInSeconds: defaultExpiresInSeconds,
      issuedAt: undefined,
    };
  }
  const secret = credentials?.identityToken ?? credentials?.password;
  const username = credentials?.identityToken === undefined ? (credentials?.username ?? "") : "";
  const exchange = new Exchange(request, options.fetch, options.signal, secret);
  if (secret === undefined || secret === "") return exchange.get({});
  const token = await exchange.post(grant(username, secret), (status) => wantsGet(status, username));
  return token ?? exchange.get({ authorization: basic(username, secret) });
}

/** Servers without the OAuth2 form say so in different ways. */
function wantsGet(httpStatus: number, username: string): boolean {
  return httpStatus === 404 || httpStatus === 401 || (httpStatus === 405 && username !== "");
}

function grant(username: string, secret: string): Readonly<Record<string, string>> {
  return username === ""
    ? { grant_type: "refresh_token", refresh_token: secret }
    : { grant_type: "password", username, password: secret };
}

function basic(username: string, secret: string): string {
  return `Basic ${Buffer.from(`${username}:${secret}`).toString("base64")}`;
}

/** Talks to one token server. */
class Exchange {
  readonly #request: TokenRequest;
  readonly #fetch: Fetch;
  readonly #signal: AbortSignal | undefined;
  readonly #secret: string | undefined;

  constructor(
    request: TokenRequest,
    fetch: Fetch,
    signal: AbortSignal | undefined,
    secret: string | undefined,
  ) {
    this.#request = request;
    this.#fetch = fetch;
    this.#signal = signal;
    this.#secret = secret;
  }

  /** Answers nothing for a status that `unknown` accepts. */
  async post(
    fields: Readonly<Record<string, string>>,
    unknown: (httpStatus: number) => boolean,
  ): Promise<RegistryToken | undefined> {
    const { service, scopes, clientId } = this.#request;
    const form = new URLSearchParams({ service, client_id: clientId, ...fields });
    if (scopes.length > 0) form.set("scope", scopes.join(" "));
    const response = await this.#send(this.#realm(), { method: "POST", body: form, redirect: "manual" });
    if (unknown(response.status)) {
      await response.body?.cancel();
      return undefined;
    }
    return this.#token(response);
  }

  async get(headers: Readonly<Record<string, string>>): Promise<RegistryToken> {
    const url = this.#realm();
    const { service, scopes } = this.#request;
    if (service !== "") url.searchParams.append("service", service);
    for (const scope of scopes) url.searchParams.append("scope", scope);
    // fetch takes the Authorization header off a request that it redirects to another origin.
    return this.#token(await this.#send(url, { headers, redirect: "follow" }));
  }

  #realm(): URL {
    const { realm } = this.#request;
    if (!/^https?:\/\//i.test(realm) || !URL.canParse(realm)) {
      throw this.#failure(`its token server ${JSON.stringify(realm)} is not an http or https address`);
    }
    return new URL(realm);
  }

  async #send(url: URL, init: RequestInit): Promise<Response> {
    try {
      return await this.#fetch(url, { ...init, signal: this.#signal ?? null });
    } catch (error) {
      this.#signal?.throwIfAborted();
      const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
      throw this.#failure(`${url.origin} cannot be reached: ${errorMessage(cause)}`, { cause: error });
    }
  }

  async #token(response: Response): Promise<RegistryToken> {
    const text = await this.#readText(response);
    const answer = parseAnswer(text);
    if (!response.ok) {
      const detail = this.#redact(refusal(answer));
      const server = new URL(this.#request.realm).origin;
      throw this.#failure(`${server} answered ${response.status}${detail === "" ? "" : `: ${detail}`}`, {
        httpStatus: response.status,
      });
    }
    const token = stringOf(answer["access_token"]) ?? stringOf(answer["token"]);
    if (token === undefined) throw this.#failure("the token server's answer holds no token");
    const expires = answer["expires_in"];
    const issuedAt = new Date(stringOf(answer["issued_at"]) ?? Number.NaN);
    return {
      token,
      expiresInSeconds: typeof expires === "number" && expires > 0 ? expires : defaultExpiresInSeconds,
      issuedAt: Number.isNaN(issuedAt.getTime()) ? undefined : issuedAt,
    };
  }

  async #readText(response: Response): Promise<string> {
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    try {
      for await (const piece of response.body ?? []) {
        bytes += piece.length;
        if (bytes > maxAnswerBytes) throw this.#failure("the token server's answer is too large");
        pieces.push(piece);
      }
    } catch (error) {
      this.#signal?.throwIfAborted();
      if (error instanceof RegistryAuthError) throw error;
      throw this.#failure(`the token server broke off: ${errorMessage(error)}`, { cause: error });
    }
    return Buffer.concat(pieces).toString("utf8");
  }

  /** A server may well quote what it was given. */
  #redact(text: string): string {
    return this.#secret === undefined ? text : text.replaceAll(this.#secret, "***");
  }

  #failure(
    why: string,
    options?: { readonly httpStatus?: number; readonly cause?: unknown },
  ): RegistryAuthError {
    const { host } = this.#request;
    return new RegistryAuthError(host, `cannot get a token for ${host}: ${why}`, options);
  }
}

function parseAnswer(text: string): Readonly<Record<string, unknown>> {
  try {
    const answer: unknown = JSON.parse(text);
    return typeof answer === "object" && answer !== null ? { ...answer } : {};
  } catch {
    return {};
  }
}

/** What a token server or registry says in one of the usual forms. */
function refusal(answer: Readonly<Record<string, unknown>>): string {
  const [first]: readonly unknown[] = Array.isArray(answer["errors"]) ? answer["errors"] : [];
  const message =
    typeof first === "object" && first !== null && "message" in first ? stringOf(first.message) : undefined;
  const text =
    message ??
    stringOf(answer["error_description"]) ??
    stringOf(answer["details"]) ??
    stringOf(answer["error"]);
  return (text ?? "").slice(0, 500);
}

function stringOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
