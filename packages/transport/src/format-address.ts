import type { Address, EngineAddress, SshAddress, TcpAddress } from "./address.ts";

/** The address as a caller would write it. */
export function formatAddress(address: Address): string {
  switch (address.kind) {
    case "unix":
    case "npipe":
      return `${address.kind}://${address.path}`;
    case "tcp":
      return `tcp://${formatHostPort(address)}`;
    case "docker-engine":
      return `docker://${address.engine === undefined ? "" : formatEngine(address.engine)}`;
    case "docker-container":
      return `docker-container://${address.container}${query({ context: address.context })}`;
    case "podman-container":
      return `podman-container://${address.container}`;
    case "nerdctl-container":
      return `nerdctl-container://${address.container}${query({ namespace: address.namespace })}`;
    case "kube-pod": {
      const { pod, context, namespace, container } = address;
      return `kube-pod://${pod}${query({ context, namespace, container })}`;
    }
    case "ssh":
      return formatSsh(address);
  }
}

/** `host:port`, with brackets around an IPv6 host. */
export function formatHostPort({ host, port }: Pick<TcpAddress, "host" | "port">): string {
  return `${bracketed(host)}:${port}`;
}

function formatEngine(engine: EngineAddress): string {
  return engine.kind === "docker-context" ? query({ context: engine.name }) : formatAddress(engine);
}

function formatSsh({ host, user, port, socket }: SshAddress): string {
  const login = user === undefined ? "" : `${encodeURIComponent(user)}@`;
  const place = port === undefined ? bracketed(host) : formatHostPort({ host, port });
  return `ssh://${login}${place}${socket ?? ""}`;
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

function query(parameters: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(parameters).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
  );
  return given.length === 0 ? "" : `?${given.join("&")}`;
}
