/** Docker Hub as a registry host. */
export const hubHost = "registry-1.docker.io";

/** Docker Hub as `docker login` writes it. */
export const hubConfigKey = "https://index.docker.io/v1/";

const hubNames: ReadonlySet<string> = new Set([hubHost, "docker.io", "index.docker.io"]);

/**
 * The registry host that a name stands for: `ghcr.io`, `https://ghcr.io/v2/` and `ghcr.io/owner` are `ghcr.io`, and
 * every name of Docker Hub is `registry-1.docker.io`.
 */
export function registryHost(name: string): string {
  const withoutScheme = name.replace(/^[a-z][a-z0-9+.-]*:\/\//i, "");
  const host = withoutScheme.split("/", 1)[0] ?? "";
  return hubNames.has(host) ? hubHost : host;
}
