import {
  type Address,
  AddressError,
  type ContainerAddress,
  type DockerEngineAddress,
  type KubePodAddress,
  type NpipeAddress,
  type SshAddress,
  type TcpAddress,
  type UnixAddress,
} from "./address.ts";

/**
 * Reads an address as a caller writes it:
 *
 * - `unix:///run/buildkit/buildkitd.sock`, `tcp://host:1234`, `npipe:////./pipe/buildkitd`
 * - `docker://` for the default Docker Engine, `docker:///var/run/docker.sock`, `docker://host:2375`,
 *   `docker://?context=name`, or `docker://` before a whole address, as in `docker://ssh://user@host`
 * - `docker-container://name?context=…`, `podman-container://name`, `nerdctl-container://name?namespace=…`,
 *   `kube-pod://pod?context=…&namespace=…&container=…`, and `ssh://[user@]host[:port][/socket]`, which run `docker`,
 *   `podman`, `nerdctl`, `kubectl` or `ssh`
 *
 * @throws {AddressError}
 */
export function parseAddress(text: string): Address {
  const [scheme, rest] = split(text);
  const parse = parsers[scheme];
  if (parse === undefined) throw new AddressError(text, `the scheme ${scheme}:// is not one of ${schemes}`);
  return parse(text, rest);
}

/** The address as a caller would write it. */
export function formatAddress(address: Address): string {
  switch (address.kind) {
    case "unix":
      return `unix://${address.path}`;
    case "npipe":
      return `npipe://${address.path.replaceAll("\\", "/")}`;
    case "tcp":
      return `tcp://${formatHostPort(address)}`;
    case "docker-engine":
      if (address.engine !== undefined) return `docker://${formatAddress(address.engine)}`;
      return `docker://${query({ context: address.context })}`;
    case "kube-pod": {
      const { context, namespace, container } = address;
      return `kube-pod://${address.pod}${query({ context, namespace, container })}`;
    }
    case "ssh": {
      const user = address.user === undefined ? "" : `${address.user}@`;
      const port = address.port === undefined ? "" : `:${address.port}`;
      return `ssh://${user}${bracketed(address.host)}${port}${address.socket ?? ""}`;
    }
    case "docker-container":
    case "podman-container":
    case "nerdctl-container":
      return `${address.kind}://${address.name}${query({ context: address.context, namespace: address.namespace })}`;
  }
}

/** `host:port`, with brackets around an IPv6 host. */
export function formatHostPort({ host, port }: TcpAddress): string {
  return `${bracketed(host)}:${port}`;
}

type Parser = (text: string, rest: string) => Address;

const parsers: Readonly<Record<string, Parser>> = {
  unix: parseUnix,
  tcp: parseTcp,
  npipe: parseNpipe,
  docker: parseDockerEngine,
  "docker-container": (text, rest) => parseContainer("docker-container", text, rest, ["context"]),
  "podman-container": (text, rest) => parseContainer("podman-container", text, rest, []),
  "nerdctl-container": (text, rest) => parseContainer("nerdctl-container", text, rest, ["namespace"]),
  "kube-pod": parseKubePod,
  ssh: parseSsh,
};

const schemes = Object.keys(parsers).join(", ");

function split(text: string): readonly [scheme: string, rest: string] {
  const [, scheme, rest] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/s.exec(text) ?? [];
  if (scheme === undefined || rest === undefined) {
    const advice = text.startsWith("/") ? `; a socket's path is written unix://${text}` : "";
    throw new AddressError(text, `it has no scheme (one of ${schemes})${advice}`);
  }
  return [scheme, rest];
}

function parseUnix(text: string, rest: string): UnixAddress {
  if (rest === "") throw new AddressError(text, "the path of the socket is missing");
  return { kind: "unix", path: rest };
}

function parseNpipe(text: string, rest: string): NpipeAddress {
  if (rest === "") throw new AddressError(text, "the name of the pipe is missing");
  return { kind: "npipe", path: rest.replaceAll("/", "\\") };
}

function parseTcp(text: string, rest: string): TcpAddress {
  const url = parseUrl(text, rest);
  if (url.username !== "" || url.password !== "")
    throw new AddressError(text, "it takes no user and no password");
  if (url.hostname === "" || url.port === "") {
    throw new AddressError(text, "it needs a host and a port, as in tcp://host:1234");
  }
  if (!["", "/"].includes(url.pathname) || url.search !== "" || url.hash !== "") {
    throw new AddressError(text, "nothing may follow the port");
  }
  return { kind: "tcp", host: hostOf(url), port: Number(url.port) };
}

/** An engine after `docker://`: nothing, a path, a host with port, a context, or a whole address. */
function parseDockerEngine(text: string, rest: string): DockerEngineAddress {
  if (rest === "") return { kind: "docker-engine" };
  if (rest.startsWith("?")) return { kind: "docker-engine", ...parameters(text, rest, ["context"]) };
  if (rest.startsWith("/")) return { kind: "docker-engine", engine: parseUnix(text, rest) };
  if (!rest.includes("://")) return { kind: "docker-engine", engine: parseTcp(text, rest) };
  const engine = parseAddress(rest);
  const { kind } = engine;
  if (kind === "unix" || kind === "tcp" || kind === "npipe" || kind === "ssh")
    return { kind: "docker-engine", engine };
  throw new AddressError(text, `a Docker Engine cannot be reached by ${kind}`);
}

function parseContainer(
  kind: ContainerAddress["kind"],
  text: string,
  rest: string,
  allowed: readonly ("context" | "namespace")[],
): ContainerAddress {
  const { name, search } = splitName(text, rest, /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/);
  return { kind, name, ...parameters(text, search, allowed) };
}

function parseKubePod(text: string, rest: string): KubePodAddress {
  const pattern = /^[a-z0-9][-a-z0-9.]*$/;
  const { name, search } = splitName(text, rest, pattern);
  const found = parameters(text, search, ["context", "namespace", "container"]);
  return { kind: "kube-pod", pod: name, ...found };
}

function parseSsh(text: string, rest: string): SshAddress {
  const url = parseUrl(text, rest);
  if (url.password !== "") throw new AddressError(text, "a password cannot be given; use a key or an agent");
  if (url.search !== "" || url.hash !== "")
    throw new AddressError(text, "nothing may follow the socket's path");
  const host = hostOf(url);
  // ssh would take these for options.
  if (host === "" || host.startsWith("-") || url.username.startsWith("-")) {
    throw new AddressError(text, "it needs a host, as in ssh://user@host");
  }
  const socket = decodeURIComponent(url.pathname);
  return {
    kind: "ssh",
    host,
    ...(url.username !== "" && { user: decodeURIComponent(url.username) }),
    ...(url.port !== "" && { port: Number(url.port) }),
    ...(!["", "/"].includes(socket) && { socket }),
  };
}

function parseUrl(text: string, rest: string): URL {
  try {
    return new URL(`tcp://${rest}`);
  } catch (cause) {
    throw new AddressError(text, "host and port cannot be read", { cause });
  }
}

function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, "$1");
}

function splitName(
  text: string,
  rest: string,
  pattern: RegExp,
): { readonly name: string; readonly search: string } {
  const end = rest.indexOf("?");
  const name = end === -1 ? rest : rest.slice(0, end);
  if (!pattern.test(name)) throw new AddressError(text, `${JSON.stringify(name)} is not a name`);
  return { name, search: end === -1 ? "" : rest.slice(end) };
}

function parameters<Name extends string>(
  text: string,
  search: string,
  allowed: readonly Name[],
): { readonly [N in Name]?: string } {
  const found: { [N in Name]?: string } = {};
  for (const [key, value] of new URLSearchParams(search)) {
    const name = allowed.find((one) => one === key);
    if (name === undefined) {
      const known = allowed.length === 0 ? "it takes none" : `it takes ${allowed.join(", ")}`;
      throw new AddressError(text, `the parameter ${key} is not known: ${known}`);
    }
    if (value === "" || value.startsWith("-")) throw new AddressError(text, `${key} has no usable value`);
    found[name] = value;
  }
  return found;
}

function query(values: Readonly<Record<string, string | undefined>>): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== undefined) given.set(name, value);
  return given.size === 0 ? "" : `?${given.toString()}`;
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
