import { once } from "node:events";
import { type AddressInfo, connect, type Socket } from "node:net";
import { pipeline } from "node:stream";
import { createServer, type TlsOptions } from "node:tls";

/** TLS on a port of 127.0.0.1 in front of a unix socket. */
export interface TlsRelay extends AsyncDisposable {
  readonly port: number;
}

/** Ends the TLS of every connection and leads what is inside to the socket. */
export async function startTlsRelay(socketPath: string, options: TlsOptions): Promise<TlsRelay> {
  const open = new Set<Socket>();
  const server = createServer(options, (client) => {
    const daemon = connect(socketPath);
    pipeline(client, daemon, client, () => {});
  });
  server.on("tlsClientError", () => {});
  server.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.on("error", () => {}).on("close", () => open.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, "close");
      server.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
