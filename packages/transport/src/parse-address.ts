import type {
  Address,
  CommandAddress,
  DockerContextAddress,
  EngineAddress,
  SocketAddress,
  SshAddress,
  TcpAddress,
} from "./address.ts";
import { AddressError } from "./address-error.ts";

/**
 * Reads an address as a caller writes it:
 *
 * - `unix:///run/buildkit/buildkitd.sock`
 * - `tcp://host:1234`
 * - `npipe:////./pipe/buildkitd` on Windows
 * - `docker://` for the Docker Engine that the `docker` command would use, `docker:///var/run/docker.sock`,
 *   `docker://host:2375`, `docker://?context=NAME`, or `docker://` before a whole `unix`, `tcp`, `npipe` or `ssh`
 *   address, as in `docker://ssh://user@host`
 * - `docker-container://NAME?context=CONTEXT`, `podman-container://NAME`, `nerdctl-container://NAME?namespace=NAMESPACE`
 * - `kube-pod://POD?context=CONTEXT&namespace=NAMESPACE&container=CONTAINER`
 * - `ssh://user@host:22/run/buildkit/buildkitd.sock`, where only the host is needed
 *
 * Names become arguments of programs: one that starts with `-`, or holds what such names never hold, is refused.
 *
 * @throws {AddressError}
 */
export function parseAddress(text: string): Address {
  const { scheme, rest } = split(text);
  switch (scheme) {
    case "unix":
    case "tcp":
    case "npipe":
      return parseSocket(text, scheme, rest);
    case "docker":
      return rest === ""
        ? { kind: "docker-engine" }
        : { kind: "docker-engine", engine: parseEngine(text, rest) };
    case "docker-container":
    case "podman-container":
    case "nerdctl-container":
    case "kube-pod":
      return parseTarget(text, scheme);
    case "ssh":
      return parseSsh(text, text);
    default:
      throw new AddressError(text, `the scheme ${scheme}:// is not one of ${schemes}`);
  }
}

const schemes =
  "unix, tcp, npipe, docker, docker-container, podman-container, nerdctl-container, kube-pod, ssh";

function split(text: string): { readonly scheme: string; readonly rest: string } {
  const match = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/s.exec(text);
  const [, scheme, rest] = match ?? [];
  if (scheme === undefined || rest === undefined) {
    const advice = text.startsWith("/") ? `; a socket's path is written unix://${text}` : "";
    throw new AddressError(text, `it has no scheme (one of ${schemes})${advice}`);
  }
  return { scheme, rest };
}

function parseTarget(text: string, kind: Exclude<CommandAddress["kind"], "ssh">): CommandAddress {
  const url = readUrl(text, text);
  switch (kind) {
    case "docker-container":
      return {
        kind,
        container: target(text, "container", url, container),
        ...parameters(text, url, { context }),
      };
    case "podman-container":
      return { kind, container: target(text, "container", url, container), ...parameters(text, url, {}) };
    case "nerdctl-container":
      return {
        kind,
        container: target(text, "container", url, container),
        ...parameters(text, url, { namespace }),
      };
    case "kube-pod": {
      const rules = { context: kubeContext, namespace: kubeName, container: kubeName };
      return { kind, pod: target(text, "pod", url, kubeName), ...parameters(text, url, rules) };
    }
  }
}

/** An engine after `docker://`: a path, a host with port, a context, or a whole address. */
function parseEngine(text: string, rest: string): EngineAddress {
  if (rest.startsWith("/")) return { kind: "unix", path: rest };
  if (rest.startsWith("?")) return parseContext(text);
  if (!rest.includes("://")) return parseTcp(text, rest);
  const { scheme, rest: inner } = split(rest);
  if (scheme === "unix" || scheme === "tcp" || scheme === "npipe") return parseSocket(text, scheme, inner);
  if (scheme === "ssh") return parseSsh(text, rest);
  throw new AddressError(text, `an engine cannot be reached by ${scheme}://`);
}

function parseContext(text: string): DockerContextAddress {
  const { context: name } = parameters(text, readUrl(text, text), { context });
  if (name === undefined) throw new AddressError(text, "the name of the context is missing");
  return { kind: "docker-context", name };
}

function parseSocket(text: string, scheme: SocketAddress["kind"], rest: string): SocketAddress {
  switch (scheme) {
    case "tcp":
      return parseTcp(text, rest);
    case "unix":
      if (rest === "") throw new AddressError(text, "the path of the socket is missing");
      return { kind: "unix", path: rest };
    case "npipe": {
      const path = rest.replaceAll("\\", "/");
      if (!/^\/\/[^/]+\/pipe\/./.test(path)) {
        throw new AddressError(text, "a named pipe is written npipe:////./pipe/NAME");
      }
      return { kind: "npipe", path };
    }
  }
}

function parseTcp(text: string, rest: string): TcpAddress {
  const url = readUrl(text, `tcp://${rest}`);
  if (url.username !== "" || url.password !== "")
    throw new AddressError(text, "user and password have no use in it");
  if (url.hostname === "" || url.port === "") {
    throw new AddressError(text, "it needs a host and a port, as in tcp://host:1234");
  }
  if (!["", "/"].includes(url.pathname) || url.search !== "" || url.hash !== "") {
    throw new AddressError(text, "nothing may follow the port");
  }
  return { kind: "tcp", host: withoutBrackets(url.hostname), port: Number(url.port) };
}

function parseSsh(text: string, address: string): SshAddress {
  const url = readUrl(text, address);
  if (url.password !== "") {
    throw new AddressError(text, "ssh takes no password from it; use an agent or a key");
  }
  if (url.search !== "" || url.hash !== "")
    throw new AddressError(text, "nothing may follow the socket's path");
  if (url.hostname === "") throw new AddressError(text, "the host is missing");
  const host = withoutBrackets(url.hostname);
  const socket = ["", "/"].includes(url.pathname) ? undefined : url.pathname;
  return {
    kind: "ssh",
    host: url.hostname === host ? checked(text, "host", host, sshHost) : host,
    ...(url.username === "" ? {} : { user: checked(text, "user", decode(text, url.username), sshUser) }),
    ...(url.port === "" ? {} : { port: Number(url.port) }),
    ...(socket === undefined ? {} : { socket: checked(text, "path of the socket", socket, remotePath) }),
  };
}

function withoutBrackets(host: string): string {
  return host.replace(/^\[(.*)\]$/, "$1");
}

function readUrl(text: string, address: string): URL {
  // A URL's reader drops line breaks and tabs in silence.
  if (/[\0-\x1f\x7f]/.test(address)) throw new AddressError(text, "it holds control characters");
  try {
    return new URL(address);
  } catch {
    // The reader's error repeats its input, and with it a password.
    throw new AddressError(text, "host and port cannot be read");
  }
}

/** What a name may hold. */
type NameRule = RegExp;

const container: NameRule = /^[a-zA-Z0-9][\w.-]*$/;
const context: NameRule = /^[a-zA-Z0-9][\w.+-]*$/;
const namespace: NameRule = /^[a-zA-Z0-9][\w.-]*$/;
const kubeName: NameRule = /^[a-z0-9][a-z0-9.-]*$/;
/** A kubeconfig names its contexts as it likes: by a cluster's address, by a cloud's name for it. */
const kubeContext: NameRule = /^[^\0-\x20\x7f-][^\0-\x1f\x7f]*$/;
const sshHost: NameRule = /^\w[\w.-]*$/;
const sshUser: NameRule = /^\w[\w.@+-]*$/;
/** It passes through a shell on the other host, so nothing that a shell would read differently. */
const remotePath: NameRule = /^\/[\w./@:+-]*$/;

function checked(text: string, what: string, value: string, rule: NameRule): string {
  if (rule.test(value)) return value;
  throw new AddressError(text, `${JSON.stringify(value)} cannot be the ${what}`);
}

/** The name in the place of the host, in an address that has nothing else but parameters. */
function target(text: string, what: string, url: URL, rule: NameRule): string {
  if (url.hostname === "") throw new AddressError(text, `the name of the ${what} is missing`);
  const bare = url.username === "" && url.password === "" && url.port === "" && url.hash === "";
  if (!bare || !["", "/"].includes(url.pathname)) {
    throw new AddressError(text, `only parameters may stand beside the name of the ${what}`);
  }
  return checked(text, what, url.hostname, rule);
}

/** The parameters after `?` that were given; an empty one counts as not given. */
function parameters<Name extends string>(
  text: string,
  url: URL,
  rules: Readonly<Record<Name, NameRule>>,
): { readonly [name in Name]?: string } {
  const found: { [name in Name]?: string } = {};
  for (const [name, value] of url.searchParams) {
    if (!isNamed(rules, name)) {
      const known = Object.keys(rules).join(", ");
      const takes = known === "" ? "no parameters" : `the parameters ${known}`;
      throw new AddressError(text, `it takes ${takes}, not ${JSON.stringify(name)}`);
    }
    if (value !== "") found[name] = checked(text, name, value, rules[name]);
  }
  return found;
}

function isNamed<Name extends string>(rules: Readonly<Record<Name, unknown>>, name: string): name is Name {
  return Object.hasOwn(rules, name);
}

function decode(text: string, encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    throw new AddressError(text, `${JSON.stringify(encoded)} is not encoded as in a URL`);
  }
}
