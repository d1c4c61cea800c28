import { connect, type NetConnectOpts, type Socket } from "node:net";
import { onAbort } from "@buildkit-node/core";
import type { SocketAddress } from "../address.ts";
import { dialFailed } from "../connect-error.ts";
import { formatAddress } from "../format-address.ts";

/** After so long without traffic the system begins to ask whether a TCP peer is still there. */
const keepAliveMs = 30_000;

/**
 * Opens a unix socket, a plain TCP socket or a named pipe.
 *
 * @param shown the address as errors name it, where the socket is part of a longer one
 * @throws {ConnectError} or the signal's reason
 */
export function dialSocket(
  address: SocketAddress,
  signal?: AbortSignal,
  shown: string = formatAddress(address),
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketOptions(address));
    let aborted: Disposable | undefined;
    const fail = (reason: unknown) => {
      aborted?.[Symbol.dispose]();
      // Destroying it may emit once more what is already being reported.
      socket.on("error", () => {});
      socket.destroy();
      reject(reason);
    };
    const onError = (error: Error) => fail(dialFailed(shown, error));
    socket.once("error", onError);
    socket.once("connect", () => {
      aborted?.[Symbol.dispose]();
      socket.off("error", onError);
      resolve(socket);
    });
    aborted = onAbort(signal, fail);
  });
}

function socketOptions(address: SocketAddress): NetConnectOpts {
  switch (address.kind) {
    case "unix":
      return { path: address.path };
    case "npipe":
      return { path: address.path.replaceAll("/", "\\") };
    case "tcp":
      return {
        host: address.host,
        port: address.port,
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: keepAliveMs,
      };
  }
}
