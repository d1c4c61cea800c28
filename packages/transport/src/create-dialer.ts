import type { Address, DockerEngineAddress } from "./address.ts";
import { commandDialer } from "./dial/command.ts";
import { dockerEngineDialer, type EngineApi } from "./dial/docker-engine.ts";
import { helperCommand, remoteEngineCommand } from "./dial/helper-command.ts";
import { npipeDialer } from "./dial/npipe.ts";
import { tcpDialer } from "./dial/tcp.ts";
import { tlsDialer } from "./dial/tls.ts";
import { unixDialer } from "./dial/unix.ts";
import type { Dialer } from "./dialer.ts";
import { formatAddress } from "./parse-address.ts";
import type { TlsMaterial } from "./tls-options.ts";

/** The dialer for an address. TLS material secures TCP; for other kinds of address it means nothing. */
export function createDialer(address: Address, tls?: TlsMaterial): Dialer {
  switch (address.kind) {
    case "unix":
      return unixDialer(address);
    case "npipe":
      return npipeDialer(address);
    case "tcp":
      return tls === undefined ? tcpDialer(address) : tlsDialer(address, tls);
    case "docker-engine":
      return dockerEngineDialer(engineApi(address, tls));
    case "docker-container":
    case "podman-container":
    case "nerdctl-container":
    case "kube-pod":
    case "ssh":
      return commandDialer(formatAddress(address), helperCommand(address));
  }
}

/** An address that names no engine stands for the machine's own. */
function engineApi({ engine = localEngine }: DockerEngineAddress, tls: TlsMaterial | undefined): EngineApi {
  if (engine.kind === "ssh") return both(commandDialer(formatAddress(engine), remoteEngineCommand(engine)));
  if (engine.kind !== "tcp" || tls === undefined) return both(createDialer(engine));
  return { http1: tlsDialer(engine, tls, "http/1.1"), http2: tlsDialer(engine, tls) };
}

const localEngine = { kind: "unix", path: "/var/run/docker.sock" } as const;

function both(dialer: Dialer): EngineApi {
  return { http1: dialer, http2: dialer };
}
