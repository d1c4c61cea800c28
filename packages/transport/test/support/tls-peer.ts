import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import { type Duplex, duplexPair, pipeline } from "node:stream";
import { createServer, type TLSSocket, type TlsOptions } from "node:tls";
import { answer, engineServer, http2Server } from "./peer.ts";

/** What a call brought to a TLS peer. */
export interface SeenCall {
  readonly scheme: string | undefined;
  readonly authority: string | undefined;
  /** The name in the client's handshake. */
  readonly serverName: string | false | undefined;
  readonly protocol: string | false | null;
  readonly clientCertificate: boolean;
}

export interface TlsPeer extends Listening {
  readonly calls: readonly SeenCall[];
}

/** Speaks HTTP/2 over TLS on 127.0.0.1, and answers every call. */
export async function listenTls(options: TlsOptions): Promise<TlsPeer> {
  const calls: SeenCall[] = [];
  const server = await listen({ ALPNProtocols: ["h2"], ...options }, (inside, socket) => {
    const http2 = http2Server((stream, _path, raw) => {
      calls.push({
        scheme: raw[raw.indexOf(":scheme") + 1],
        authority: raw[raw.indexOf(":authority") + 1],
        serverName: Reflect.get(socket, "servername") ?? undefined,
        protocol: socket.alpnProtocol,
        clientCertificate: socket.getPeerCertificate().subject !== undefined,
      });
      answer(stream);
    });
    http2.emit("connection", inside);
  });
  return { ...server, calls };
}

/** A Docker Engine's API over TLS. */
export async function listenTlsEngine({
  apiVersion,
  ...options
}: TlsOptions & { apiVersion: string }): Promise<Listening & { readonly protocols: readonly unknown[] }> {
  const protocols: unknown[] = [];
  const serve = engineServer({ apiVersion, onStream: (stream) => answer(stream) });
  const server = await listen({ ALPNProtocols: ["h2", "http/1.1"], ...options }, (inside, socket) => {
    protocols.push(socket.alpnProtocol);
    serve(inside);
  });
  return { ...server, protocols };
}

interface Listening extends AsyncDisposable {
  readonly port: number;
  readonly sockets: ReadonlySet<Socket>;
}

/** Gives what is inside the TLS of each connection to `serve`. */
async function listen(
  options: TlsOptions,
  serve: (inside: Duplex, socket: TLSSocket) => void,
): Promise<Listening> {
  const sockets = new Set<Socket>();
  const server = createServer(options, (socket) => {
    // Node's HTTP/2 server refuses a TLS socket without ALPN; other servers do not.
    const [near, far] = duplexPair();
    pipeline(socket, far, socket, () => near.destroy());
    serve(near, socket);
  });
  server.on("tlsClientError", () => {});
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    sockets,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
