import type { Duplex } from "node:stream";
import type { DockerEngineAddress } from "../address.ts";
import { type FoundEngine, findContext, findEngine } from "../docker/find-engine.ts";
import { formatAddress, formatHostPort } from "../format-address.ts";
import type { Surroundings } from "../surroundings.ts";
import type { TlsOptions } from "../tls/tls-options.ts";
import { dialCommand } from "./command.ts";
import { engineCommand } from "./helper-command.ts";
import { dialSocket } from "./socket.ts";
import { dialTls, type Protocol } from "./tls.ts";

/** A Docker Engine's API, by whatever way it is reached. */
export interface EngineApi {
  readonly address: string;
  /** Present when Docker's configuration led here. */
  readonly origin?: string;
  readonly authority: string;
  readonly scheme: "http" | "https";
  /** Opens one pipe to the API, for HTTP of the given kind. */
  dial(protocol: Protocol, signal?: AbortSignal): Promise<Duplex>;
}

/** Finds out how to reach an engine. `tls` is the caller's; what Docker's configuration says of TLS goes first. */
export async function engineApi(
  address: DockerEngineAddress,
  tls: TlsOptions | undefined,
  around: Surroundings,
): Promise<EngineApi> {
  const found = await locate(address, around);
  const { engine, origin } = found;
  const shown = formatAddress({ kind: "docker-engine", engine });
  const secured = engine.kind === "tcp" ? (found.tls ?? tls) : undefined;
  const host = engine.kind === "tcp" ? formatHostPort(engine) : "localhost";
  return {
    address: shown,
    ...(origin === undefined ? {} : { origin }),
    authority: secured?.serverName ?? host,
    scheme: secured === undefined ? "http" : "https",
    dial: async (protocol, signal) => {
      if (engine.kind === "ssh") {
        return dialCommand(shown, engineCommand(engine), around.env, signal);
      }
      if (engine.kind !== "tcp" || secured === undefined) return dialSocket(engine, signal, shown);
      const { skipVerify = false } = found;
      return dialTls(
        { address: shown, tcp: engine, tls: secured, env: around.env, skipVerify },
        protocol,
        signal,
      );
    },
  };
}

type Located = Omit<FoundEngine, "origin"> & { readonly origin?: string };

async function locate({ engine }: DockerEngineAddress, around: Surroundings): Promise<Located> {
  if (engine === undefined) return findEngine(around);
  if (engine.kind === "docker-context") return findContext({ name: engine.name }, around);
  return { engine };
}
