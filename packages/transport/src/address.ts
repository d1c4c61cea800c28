import { BuildkitError } from "@buildkit-node/core";

/** Where a daemon is, in parts. */
export type Address = SocketAddress | DockerEngineAddress;

/** A socket that speaks BuildKit's protocol itself, or an engine's API. */
export type SocketAddress = UnixAddress | TcpAddress;

export interface UnixAddress {
  readonly kind: "unix";
  readonly path: string;
}

export interface TcpAddress {
  readonly kind: "tcp";
  readonly host: string;
  readonly port: number;
}

/** The BuildKit inside a Docker Engine. */
export interface DockerEngineAddress {
  readonly kind: "docker-engine";
  /** The engine's API socket. Absent for a bare `docker://`, the default engine. */
  readonly engine?: SocketAddress;
}

/** An address that cannot be understood. */
export class AddressError extends BuildkitError {
  override readonly name: string = "AddressError";
  /** What was given, without a password that it may have held. */
  readonly address: string;

  constructor(address: string, problem: string, options?: { readonly cause?: unknown }) {
    const shown = withoutPassword(address);
    super("ERR_BUILDKIT_ADDRESS", `cannot use the address ${JSON.stringify(shown)}: ${problem}`, options);
    this.address = shown;
  }
}

/**
 * Reads an address as a caller writes it:
 *
 * - `unix:///run/buildkit/buildkitd.sock`
 * - `tcp://host:1234`
 * - `docker://` for the default Docker Engine, `docker:///var/run/docker.sock`, `docker://host:2375`, or `docker://`
 *   before a whole address, as in `docker://unix:///var/run/docker.sock`
 *
 * @throws {AddressError}
 */
export function parseAddress(text: string): Address {
  const { scheme, rest } = split(text);
  switch (scheme) {
    case "unix":
    case "tcp":
      return parseSocket(text, scheme, rest);
    case "docker":
      return rest === ""
        ? { kind: "docker-engine" }
        : { kind: "docker-engine", engine: parseEngine(text, rest) };
    default:
      throw new AddressError(text, `the scheme ${scheme}:// is not one of ${schemes}`);
  }
}

/** The address as a caller would write it. */
export function formatAddress(address: Address): string {
  switch (address.kind) {
    case "unix":
      return `unix://${address.path}`;
    case "tcp":
      return `tcp://${formatHostPort(address)}`;
    case "docker-engine":
      return address.engine === undefined ? "docker://" : `docker://${formatAddress(address.engine)}`;
  }
}

/** `host:port`, with brackets around an IPv6 host. */
export function formatHostPort({ host, port }: TcpAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

const schemes = "unix, tcp, docker";

function split(text: string): { readonly scheme: string; readonly rest: string } {
  const match = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/s.exec(text);
  const [, scheme, rest] = match ?? [];
  if (scheme === undefined || rest === undefined) {
    const advice = text.startsWith("/") ? `; a socket's path is written unix://${text}` : "";
    throw new AddressError(text, `it has no scheme (one of ${schemes})${advice}`);
  }
  return { scheme, rest };
}

/** An engine after `docker://`: a path, a host with port, or a whole address. */
function parseEngine(text: string, rest: string): SocketAddress {
  if (rest.startsWith("/")) return { kind: "unix", path: rest };
  if (!rest.includes("://")) return parseTcp(text, rest);
  const { scheme, rest: inner } = split(rest);
  if (scheme === "unix" || scheme === "tcp") return parseSocket(text, scheme, inner);
  throw new AddressError(text, `an engine cannot be reached by ${scheme}://`);
}

function parseSocket(text: string, scheme: "unix" | "tcp", rest: string): SocketAddress {
  if (scheme === "tcp") return parseTcp(text, rest);
  if (rest === "") throw new AddressError(text, "the path of the socket is missing");
  return { kind: "unix", path: rest };
}

function parseTcp(text: string, rest: string): TcpAddress {
  let url: URL;
  try {
    url = new URL(`tcp://${rest}`);
  } catch (cause) {
    throw new AddressError(text, "host and port cannot be read", { cause });
  }
  if (url.username !== "" || url.password !== "")
    throw new AddressError(text, "user and password have no use in it");
  if (url.hostname === "" || url.port === "") {
    throw new AddressError(text, "it needs a host and a port, as in tcp://host:1234");
  }
  if (!["", "/"].includes(url.pathname) || url.search !== "" || url.hash !== "") {
    throw new AddressError(text, "nothing may follow the port");
  }
  return { kind: "tcp", host: url.hostname.replace(/^\[(.*)\]$/, "$1"), port: Number(url.port) };
}

function withoutPassword(text: string): string {
  return text.replace(/:[^:@/]*@/, "@");
}
