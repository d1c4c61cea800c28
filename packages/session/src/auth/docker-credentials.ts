import { abortable } from "@buildkit-node/core";
import type { CredentialSource, RegistryCredentials } from "./credentials.ts";
import { dockerConfigDir } from "./docker-config-dir.ts";
import type { DockerLookUp } from "./docker-look-up.ts";
import { registryHost } from "./registry-host.ts";

/** Where `dockerCredentials` looks. */
export interface DockerCredentialsOptions {
  /** Docker's configuration directory; `DOCKER_CONFIG`, else `~/.docker`, by default. */
  readonly dir?: string;
  /** The environment to read, also that of helper programs; the process's own by default. */
  readonly env?: NodeJS.ProcessEnv;
  /** How long a helper program may take, in milliseconds; 60,000 by default. */
  readonly helperTimeoutMs?: number;
}

/** How long an answer is used again. Tokens of some clouds live for five minutes. */
const freshMs = 290_000;

/**
 * The credentials that `docker login` has left, looked for in this order: the variable `DOCKER_AUTH_CONFIG`, the helper of
 * the host (`credHelpers`, else `credsStore`), `auths`. Reads the environment and the files when asked for a host, and
 * keeps an answer for just under five minutes.
 *
 * Throws `ERR_BUILDKIT_AUTH` when a configuration cannot be read or a helper fails.
 */
export function dockerCredentials(options: DockerCredentialsOptions = {}): CredentialSource {
  const env = options.env ?? process.env;
  const dir = options.dir ?? dockerConfigDir(env);
  const { helperTimeoutMs = 60_000 } = options;
  let opening: Promise<DockerLookUp> | undefined;
  const lookUp = async (host: string): Promise<Found> => {
    opening ??= import("./docker-look-up.ts").then(({ dockerLookUp }) =>
      dockerLookUp({ dir, env, helperTimeoutMs }),
    );
    return (await opening)(host);
  };
  const answers = new Map<string, Answer>();
  return (name, { signal }) => {
    const host = registryHost(name);
    const earlier = answers.get(host);
    const fresh = earlier !== undefined && performance.now() - earlier.askedAtMs < freshMs;
    const answer = fresh ? earlier : { askedAtMs: performance.now(), found: lookUp(host) };
    answers.set(host, answer);
    answer.found.catch(() => {
      if (answers.get(host) === answer) answers.delete(host);
    });
    return abortable(answer.found, signal);
  };
}

type Found = RegistryCredentials | undefined;

interface Answer {
  readonly askedAtMs: number;
  readonly found: Promise<Found>;
}

/**
 * Credentials given by the caller, by registry: `ghcr.io`, `localhost:5000`, `docker.io`. Each goes to the registry it is
 * filed under and to no other; a registry that is not listed is looked for in `otherwise`.
 */
export function fixedCredentials(
  credentials: Readonly<Record<string, RegistryCredentials>>,
  otherwise?: CredentialSource,
): CredentialSource {
  const byHost = new Map(Object.entries(credentials).map(([name, value]) => [registryHost(name), value]));
  return async (name, options) => byHost.get(registryHost(name)) ?? otherwise?.(name, options);
}
