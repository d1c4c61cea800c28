import { BuildkitError } from "@buildkit-node/core";

/** What a registry wants to see. Where several are given, a registry token comes before an identity token before a password. */
export interface RegistryCredentials {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** A refresh token, to be exchanged for access tokens; takes the place of username and password. */
  readonly identityToken?: string | undefined;
  /** A bearer token that is sent to the registry as it is. */
  readonly registryToken?: string | undefined;
}

/**
 * Finds the credentials of one registry: `host` as it stands in image names, with its port where there is one, and
 * `registry-1.docker.io` for Docker Hub. Answers `undefined` for a registry that it knows nothing of, which is then used
 * anonymously.
 */
export type CredentialSource = (
  host: string,
  options: { readonly signal?: AbortSignal },
) => Promise<RegistryCredentials | undefined>;

/** Credentials or a token for `host` cannot be had. Neither the message nor any field holds a secret. */
export class RegistryAuthError extends BuildkitError {
  override readonly name: string = "RegistryAuthError";
  /** The registry. */
  readonly host: string;
  /** The HTTP status of a token server's refusal. */
  readonly httpStatus: number | undefined;

  constructor(
    host: string,
    message: string,
    options?: { readonly httpStatus?: number; readonly cause?: unknown },
  ) {
    super("ERR_BUILDKIT_AUTH", message, options);
    this.host = host;
    this.httpStatus = options?.httpStatus;
  }
}
