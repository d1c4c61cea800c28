import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { errorMessage, InvalidArgumentError } from "@buildkit-node/core";
import {
  createDialer,
  type Dialer,
  formatAddress,
  parseAddress,
  type TcpAddress,
  type UnixAddress,
} from "@buildkit-node/transport";
import { DaemonError } from "./daemon-error.ts";

/** A socket behind which a daemon is. */
export interface Relay extends AsyncDisposable {
  /** Where it listens, with the port that was chosen. */
  readonly address: string;
  /** Ends every connection and stops listening. Idempotent. */
  close(): Promise<void>;
}

export interface RelayOptions {
  /** The daemon to lead to, as `connect()` takes it; usually the BuildKit of a Docker Engine, `docker://…`. */
  readonly to: string;
  /** `unix:///path` of a socket that is made, or `tcp://127.0.0.1:0` with a port, or 0 for any that is free. */
  readonly listen: string;
}

/**
 * Serves a daemon on a plain unix or TCP socket: the BuildKit in a Docker Engine to clients that only know how to reach
 * buildkitd. Each connection is dialed anew and its bytes are copied both ways, each direction as fast as its reader
 * and with an end of its own. What a client writes before the daemon is reached waits in its socket.
 *
 * Whoever can reach the socket can use the daemon: listen on no address that strangers reach.
 *
 * @throws {AddressError} for an address that cannot be understood
 * @throws {DaemonError} when it cannot listen
 */
export async function startRelay(options: RelayOptions): Promise<Relay> {
  const dialer = await createDialer(parseAddress(options.to));
  const wanted = parseAddress(options.listen);
  if (wanted.kind !== "unix" && wanted.kind !== "tcp") {
    throw new InvalidArgumentError(
      "listen",
      options.listen,
      "a relay listens on unix:// or tcp://, on nothing else",
    );
  }
  const open = new Set<Socket>();
  const stopped = new AbortController();
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
    open.add(client);
    client.on("close", () => open.delete(client));
    void connect(client, dialer, stopped.signal);
  });
  const address = await listen(server, wanted);
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= new Promise((resolve) => {
      server.close(() => resolve());
      stopped.abort();
      for (const client of open) client.destroy();
    });
    return closing;
  };
  return { address, close, [Symbol.asyncDispose]: close };
}

async function connect(client: Socket, dialer: Dialer, stopped: AbortSignal): Promise<void> {
  const gone = new AbortController();
  client.on("close", () => gone.abort());
  client.on("error", () => {}); // Followed by "close".
  try {
    const daemon = await dialer.dial(AbortSignal.any([gone.signal, stopped]));
    // Like the client's socket: the end of one direction is not the end of the other.
    daemon.allowHalfOpen = true;
    join(client, daemon);
  } catch {
    // The client learns from its connection's end that the daemon cannot be reached.
    client.destroy();
  }
}

function join(client: Socket, daemon: Duplex): void {
  client.pipe(daemon).pipe(client);
  daemon.on("error", () => {}); // Followed by "close".
  // What the daemon said last is still on its way.
  daemon.on("close", () => client.destroySoon());
  client.on("close", () => daemon.destroy());
}

async function listen(server: Server, address: UnixAddress | TcpAddress): Promise<string> {
  const target =
    address.kind === "unix" ? { path: address.path } : { host: address.host, port: address.port };
  server.listen(target);
  try {
    await once(server, "listening");
  } catch (cause) {
    throw new DaemonError(`the relay cannot listen on ${formatAddress(address)}: ${errorMessage(cause)}`, {
      program: "relay",
      cause,
    });
  }
  const bound = server.address();
  if (bound === null || typeof bound === "string" || address.kind === "unix") return formatAddress(address);
  return formatAddress({ ...address, port: bound.port });
}
