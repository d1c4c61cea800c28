import { create } from "@bufbuild/protobuf";
import {
  Auth,
  CredentialsResponseSchema,
  FetchTokenResponseSchema,
  GetTokenAuthorityResponseSchema,
  VerifyTokenAuthorityResponseSchema,
} from "@buildkit-node/proto/auth";
import { CallError, StatusCode, unary } from "@buildkit-node/transport";
import type { Attachable } from "../attachable.ts";
import type { CredentialSource, RegistryCredentials } from "./credentials.ts";
import { dockerConfigDir } from "./docker-config-dir.ts";
import { dockerCredentials } from "./docker-credentials.ts";
import type { Fetch } from "./fetch-token.ts";
import { TokenAuthority } from "./token-authority.ts";
import { fileTokenSeeds, type TokenSeeds } from "./token-seeds.ts";

export interface AuthOptions {
  /** Where credentials come from; Docker's configuration, `dockerCredentials()`, by default. */
  readonly credentials?: CredentialSource;
  /**
   * Whether tokens are fetched here, so that the daemon never sees a password; otherwise it gets the credentials and
   * fetches them itself. True by default, unless the variable `BUILDKIT_NO_CLIENT_TOKEN` is true.
   */
  readonly clientTokens?: boolean;
  /** Gets tokens; the global `fetch` by default. One of the caller's own may go through a proxy or trust other authorities. */
  readonly fetch?: Fetch;
  /** The environment to read; the process's own by default. */
  readonly env?: NodeJS.ProcessEnv;
}

/** Answers a daemon's questions for credentials and tokens of registries: of the one it asks for, and of no other. */
export function authService(options: AuthOptions = {}): Attachable {
  const env = options.env ?? process.env;
  const credentials = options.credentials ?? dockerCredentials({ env });
  const clientTokens = options.clientTokens ?? !isTrue(env["BUILDKIT_NO_CLIENT_TOKEN"]);
  const seeds = fileTokenSeeds(dockerConfigDir(env));
  const authority = async (host: string, salt: Uint8Array, signal: AbortSignal) => {
    // Daemons take this for a client that leaves the tokens to them.
    if (!clientTokens) throw new CallError(StatusCode.unavailable, "this client fetches no tokens");
    return new TokenAuthority(salt, await seedFor(host, await credentials(host, { signal }), seeds));
  };
  const { method } = Auth;
  return {
    methods: new Map([
      unary(method.credentials, async ({ Host }, { signal }) =>
        create(CredentialsResponseSchema, basicCredentials(await credentials(Host, { signal }))),
      ),
      unary(method.fetchToken, async ({ ClientID, Host, Realm, Service, Scopes }, { signal }) => {
        const { fetchToken } = await import("./fetch-token.ts");
        const token = await fetchToken(
          { clientId: ClientID, host: Host, realm: Realm, service: Service, scopes: Scopes },
          await credentials(Host, { signal }),
          { fetch: options.fetch ?? fetch, signal },
        );
        return create(FetchTokenResponseSchema, {
          Token: token.token,
          ExpiresIn: BigInt(token.expiresInSeconds),
          IssuedAt: BigInt(Math.floor((token.issuedAt?.getTime() ?? 0) / 1000)),
        });
      }),
      unary(method.getTokenAuthority, async ({ Host, Salt }, { signal }) => {
        const PublicKey = (await authority(Host, Salt, signal)).publicKey();
        return create(GetTokenAuthorityResponseSchema, { PublicKey });
      }),
      unary(method.verifyTokenAuthority, async ({ Host, Salt, Payload }, { signal }) => {
        const Signed = (await authority(Host, Salt, signal)).sign(Payload);
        return create(VerifyTokenAuthorityResponseSchema, { Signed });
      }),
    ]),
  };
}

/** An identity token is a secret without a user name; a registry that is not known gets neither. */
function basicCredentials(credentials: RegistryCredentials | undefined): {
  readonly Username: string;
  readonly Secret: string;
} {
  const { identityToken, username = "", password = "" } = credentials ?? {};
  return identityToken === undefined
    ? { Username: username, Secret: password }
    : { Username: "", Secret: identityToken };
}

async function seedFor(
  host: string,
  credentials: RegistryCredentials | undefined,
  seeds: TokenSeeds,
): Promise<Uint8Array | undefined> {
  return basicCredentials(credentials).Secret === "" ? undefined : seeds(host);
}

/** The words that Go's `strconv.ParseBool` takes for true. */
function isTrue(text: string | undefined): boolean {
  return ["1", "t", "T", "true", "TRUE", "True"].includes(text ?? "");
}
