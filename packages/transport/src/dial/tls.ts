import { isIP } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import { onAbort } from "@buildkit-node/core";
import type { TcpAddress } from "../address.ts";
import { dialFailed } from "../connect-error.ts";
import type { Dialer } from "../dialer.ts";
import { formatAddress, formatHostPort } from "../parse-address.ts";
import type { TlsMaterial } from "../tls-options.ts";
import { keepAliveMs } from "./socket.ts";

/** What the two sides agree to speak. */
export type TlsProtocol = "h2" | "http/1.1";

/** Dials a daemon's TCP port over TLS. */
export function tlsDialer(address: TcpAddress, material: TlsMaterial, protocol: TlsProtocol = "h2"): Dialer {
  return {
    address: formatAddress(address),
    authority: material.serverName ?? formatHostPort(address),
    dial: (signal) => dialTls(address, material, protocol, signal),
  };
}

/** @throws {ConnectError} or the signal's reason */
function dialTls(
  address: TcpAddress,
  material: TlsMaterial,
  protocol: TlsProtocol,
  signal: AbortSignal | undefined,
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const { serverName = address.host, ...pem } = material;
    const socket = connect({
      host: address.host,
      port: address.port,
      ALPNProtocols: [protocol],
      // The name of an IP address is checked without being sent.
      ...(isIP(serverName) === 0 && { servername: serverName }),
      ...pem,
    });
    const aborted = onAbort(signal, (reason) => fail(reason));
    const fail = (reason: unknown) => {
      aborted[Symbol.dispose]();
      socket.on("error", () => {}).destroy();
      reject(reason);
    };
    const onError = (error: Error) => fail(dialFailed(formatAddress(address), error));
    socket.once("error", onError);
    socket.once("secureConnect", () => {
      aborted[Symbol.dispose]();
      socket.off("error", onError);
      socket.setNoDelay(true).setKeepAlive(true, keepAliveMs);
      resolve(socket);
    });
  });
}
