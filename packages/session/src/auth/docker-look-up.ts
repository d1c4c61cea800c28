import { credentialHelpers } from "./credential-helper.ts";
import type { RegistryCredentials } from "./credentials.ts";
import { helperServerUrl, parseDockerConfig, readDockerConfig } from "./docker-config.ts";

/** Finds what `docker login` has left for a registry host. */
export type DockerLookUp = (host: string) => Promise<RegistryCredentials | undefined>;

/** Looks in this order: the variable `DOCKER_AUTH_CONFIG`, the helper of the host, `auths`. Each time anew. */
export function dockerLookUp(where: {
  readonly dir: string;
  readonly env: NodeJS.ProcessEnv;
  readonly helperTimeoutMs: number;
}): DockerLookUp {
  const { dir, env, helperTimeoutMs } = where;
  const askHelper = credentialHelpers(env, helperTimeoutMs);
  return async (host) => {
    const text = env["DOCKER_AUTH_CONFIG"] ?? "";
    const fromEnv = parseDockerConfig(text, "in DOCKER_AUTH_CONFIG").auths.get(host);
    if (fromEnv !== undefined) return fromEnv;
    const config = await readDockerConfig(dir);
    const helper = config.credHelpers.get(host) ?? config.credsStore;
    const fromHelper = helper === undefined ? undefined : await askHelper(helper, helperServerUrl(host));
    return fromHelper ?? config.auths.get(host);
  };
}
