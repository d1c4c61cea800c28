import { isIP, type Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { onAbort } from "@buildkit-node/core";
import type { TcpAddress } from "../address.ts";
import { ConnectError, dialFailed } from "../connect-error.ts";
import type { Dialer } from "../dialer.ts";
import { formatAddress, formatHostPort } from "../format-address.ts";
import type { Environment } from "../surroundings.ts";
import { loadTls } from "../tls/load-tls.ts";
import type { TlsOptions } from "../tls/tls-options.ts";
import { dialSocket } from "./socket.ts";

/** Dials a daemon's TCP port over TLS. */
export function tlsDialer(address: TcpAddress, tls: TlsOptions, env: Environment): Dialer {
  const secured = { address: formatAddress(address), tcp: address, tls, env };
  return {
    address: secured.address,
    authority: tls.serverName ?? formatHostPort(address),
    scheme: "https",
    dial: (signal) => dialTls(secured, "h2", signal),
  };
}

/** A TCP port behind TLS. */
export interface Secured {
  /** For errors. */
  readonly address: string;
  readonly tcp: TcpAddress;
  readonly tls: TlsOptions;
  readonly env: Environment;
  /** True to take any certificate, as Docker's own configuration may ask for. */
  readonly skipVerify?: boolean;
}

/** What is to be spoken inside; a peer that knows no ALPN is taken at its word. */
export type Protocol = "h2" | "http/1.1";

/**
 * Opens a TCP socket and makes the TLS handshake on it.
 *
 * A daemon of TLS 1.3 that wants a client certificate says so only after the handshake: that is an error of the socket.
 *
 * @throws {ConnectError} or the signal's reason
 */
export async function dialTls(to: Secured, protocol: Protocol, signal?: AbortSignal): Promise<TLSSocket> {
  const { checkServerIdentity, connect } = process.getBuiltinModule("node:tls");
  const secureContext = await loadTls(to.address, to.tls, to.env);
  const name = to.tls.serverName ?? to.tcp.host;
  const socket = await dialSocket(to.tcp, signal, to.address);
  const secured = connect({
    socket,
    secureContext,
    ALPNProtocols: [protocol],
    rejectUnauthorized: to.skipVerify !== true,
    // The handshake itself may name no IP address.
    ...(isIP(name) === 0 ? { servername: name } : {}),
    checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
  });
  await handshake(to.address, secured, socket, signal);
  return secured;
}

function handshake(address: string, secured: TLSSocket, socket: Socket, signal?: AbortSignal): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    let aborted: Disposable | undefined;
    const fail = (reason: unknown) => {
      aborted?.[Symbol.dispose]();
      secured.on("error", () => {}).destroy();
      socket.destroy();
      reject(reason);
    };
    const onError = (error: Error) => fail(handshakeFailed(address, error));
    secured.once("error", onError);
    secured.once("secureConnect", () => {
      aborted?.[Symbol.dispose]();
      secured.off("error", onError);
      resolve();
    });
    aborted = onAbort(signal, fail);
  });
}

/** A peer that hangs up in the middle says nothing else of its reason. */
function handshakeFailed(address: string, error: Error & { code?: string }): ConnectError {
  if (error.code !== "ECONNRESET") return dialFailed(address, error);
  const problem = "the other side closed the connection in the TLS handshake";
  const advice =
    "check that it speaks TLS there; a daemon that does not accept the client certificate, or misses one, may do so too";
  return new ConnectError([{ address, failure: "tls", problem, advice }], { cause: error });
}
