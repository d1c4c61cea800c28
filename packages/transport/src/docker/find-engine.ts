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
  const { env, platform } = around;
  const host = env["DOCKER_HOST"] ?? "";
  if (host !== "") {
    const origin = "the Docker Engine, from DOCKER_HOST";
    return { engine: engineAt(host, origin), ...tlsFrom(around), origin };
  }
  const named = env["DOCKER_CONTEXT"] ?? "";
  const context = named === "" ? await currentContext(around) : { name: named, origin: "DOCKER_CONTEXT" };
  if (context !== undefined && context.name !== "default") return findContext(context, around);
  const socket = platform === "win32" ? "npipe:////./pipe/docker_engine" : "unix:///var/run/docker.sock";
  const origin = "the Docker Engine's default socket";
  return { engine: engineAt(socket, origin), origin };
}

/** The engine of one context. `origin` tells who named it; absent when the caller did. */
export async function findContext(
  context: { readonly name: string; readonly origin?: string },
  around: Surroundings,
): Promise<FoundEngine> {
  const by = context.origin === undefined ? "" : `, from ${context.origin}`;
  const origin = `the Docker context ${context.name}${by}`;
  const { host, tlsFolder, skipVerify } = await readContext(context.name, origin, around);
  const secured = tlsFolder === undefined ? skipVerify : true;
  const tls = tlsFolder === undefined ? {} : { dir: tlsFolder };
  return { engine: engineAt(host, origin), ...(secured ? { tls, skipVerify } : {}), origin };
}

/** What `docker` makes of its variables for `DOCKER_HOST`: either one switches TLS on, one of them verifies. */
function tlsFrom(around: Surroundings): Pick<FoundEngine, "tls" | "skipVerify"> {
  const isSet = (name: string) => (around.env[name] ?? "") !== "";
  const verify = isSet("DOCKER_TLS_VERIFY");
  if (!verify && !isSet("DOCKER_TLS")) return {};
  const dir = isSet("DOCKER_CERT_PATH") ? around.env["DOCKER_CERT_PATH"] : configFolder(around);
  return { tls: dir === undefined ? {} : { dir }, skipVerify: !verify };
}

function engineAt(host: string, origin: string): FoundEngine["engine"] {
  try {
    const address = parseAddress(`docker://${host}`);
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
