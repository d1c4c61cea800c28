import type { DockerContextAddress, EngineAddress } from "../address.ts";
import { AddressError } from "../address-error.ts";
import { ConnectError } from "../connect-error.ts";
import { parseAddress } from "../parse-address.ts";
import type { Surroundings } from "../surroundings.ts";
import type { TlsOptions } from "../tls/tls-options.ts";
import { configFolder, currentContext, readContext } from "./docker-config.ts";

/** A Docker Engine by Docker's own configuration. */
export interface FoundEngine {
  readonly engine: Exclude<EngineAddress, DockerContextAddress>;
  /** For an engine on a TCP port that asks for it. */
  readonly tls?: TlsOptions;
  /** True when the configuration says that any certificate will do. */
  readonly skipVerify?: boolean;
  /** Where the address came from, for people. */
  readonly origin: string;
}

/**
 * The engine that the `docker` command would use: `DOCKER_HOST` with `DOCKER_TLS_VERIFY`, `DOCKER_TLS` and
 * `DOCKER_CERT_PATH`, else the context of `DOCKER_CONTEXT`, else the current context of `config.json` in
 * `DOCKER_CONFIG` or `~/.docker`, else the machine's own socket.
 *
 * @throws {ConnectError} when the configuration leads nowhere
 */
export async function findEngine(around: Surroundings): Promise<FoundEngine> {
  if (variable(around, "DOCKER_HOST") !== undefined) return ownEngine(around);
  const name = variable(around, "DOCKER_CONTEXT");
  const context = name === undefined ? await currentContext(around) : { name, origin: "DOCKER_CONTEXT" };
  return context === undefined ? ownEngine(around) : findContext(context, around);
}

/** The engine of one context. `origin` tells who named it; absent when the caller did. */
export async function findContext(
  { name, origin: by }: { readonly name: string; readonly origin?: string },
  around: Surroundings,
): Promise<FoundEngine> {
  if (name === "default") return ownEngine(around);
  const origin = `the Docker context ${name}${by === undefined ? "" : `, from ${by}`}`;
  const { host, tlsFolder, skipVerify } = await readContext(name, origin, around);
  const secured = tlsFolder !== undefined || skipVerify;
  const tls = tlsFolder === undefined ? {} : { dir: tlsFolder };
  return { engine: engineAt(host, secured, origin), ...(secured ? { tls, skipVerify } : {}), origin };
}

/** What the context of the name `default` stands for: `DOCKER_HOST`, else the machine's own socket. */
function ownEngine(around: Surroundings): FoundEngine {
  const host = variable(around, "DOCKER_HOST");
  if (host === undefined) {
    const own =
      around.platform === "win32" ? "npipe:////./pipe/docker_engine" : "unix:///var/run/docker.sock";
    const origin = "the Docker Engine's default socket";
    return { engine: engineAt(own, false, origin), origin };
  }
  const origin = "the Docker Engine, from DOCKER_HOST";
  // Either variable switches TLS on, and the first of them verification too.
  const verify = variable(around, "DOCKER_TLS_VERIFY") !== undefined;
  const secured = verify || variable(around, "DOCKER_TLS") !== undefined;
  const dir = variable(around, "DOCKER_CERT_PATH") ?? configFolder(around);
  const tls = { tls: dir === undefined ? {} : { dir }, skipVerify: !verify };
  return { engine: engineAt(host, secured, origin), ...(secured ? tls : {}), origin };
}

/** An empty variable counts as one that is not set. */
function variable({ env }: Surroundings, name: string): string | undefined {
  const value = env[name];
  return value === "" ? undefined : value;
}

function engineAt(host: string, secured: boolean, origin: string): FoundEngine["engine"] {
  try {
    // Docker has ports of its own, which need not be written.
    const port = /^tcp:\/\/[^:/]+\/?$/.test(host) ? `:${secured ? 2376 : 2375}` : "";
    const address = parseAddress(`docker://${host.replace(/\/$/, "")}${port}`);
    if (address.kind === "docker-engine" && address.engine !== undefined) {
      if (address.engine.kind !== "docker-context") return address.engine;
    }
    throw new AddressError(host, "it is not an engine's address");
  } catch (cause) {
    if (!(cause instanceof AddressError)) throw cause;
    const advice = "an engine is at unix://, tcp://host:port, npipe:// or ssh://";
    throw new ConnectError(
      [{ address: "docker://", origin, failure: "other", problem: cause.message, advice }],
      { cause },
    );
  }
}
