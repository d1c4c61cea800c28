import { createServer, type Socket } from "node:net";
import { SSH } from "@buildkit-node/proto/ssh";
import { bytesMessageData, framedBytesMessage } from "@buildkit-node/transport/internal";
import { openCall, type ServicePeer } from "./service-peer.ts";

/** Listens on a socket as a daemon does inside a build: each connection becomes a call of `ForwardAgent`. */
export async function bridgeAgent(peer: ServicePeer, path: string, id?: string): Promise<AsyncDisposable> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    void bridge(peer, socket, id).catch(() => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function bridge(peer: ServicePeer, socket: Socket, id: string | undefined): Promise<void> {
  const metadata = id === undefined ? [] : [["buildkit.ssh.id", id] as const];
  const call = await openCall(peer, SSH.method.forwardAgent, metadata);
  socket.on("data", (data: Buffer) => {
    const [prefix, bytes] = framedBytesMessage(data);
    call.send(Buffer.concat([prefix, bytes]).subarray(5));
  });
  socket.on("end", () => call.halfClose());
  socket.on("close", () => call.cancel());
  for (let message = await call.next(); message !== undefined; message = await call.next()) {
    socket.write(bytesMessageData(message));
  }
  socket.end();
}
