import { once } from "node:events";
import type { Socket } from "node:net";
import type { AgentConnection } from "./agent-connection.ts";
import { connectSocket } from "./socket.ts";

/** Whatever stands behind a socket, byte for byte. When the build has ended its side, the socket may go on with its own. */
export function rawSocket(path: string): AgentConnection {
  return async function* (fromBuild, signal) {
    using socket = await connectSocket(path, signal);
    const { stream } = socket;
    copyInto(stream, fromBuild).catch((error: Error) => stream.destroy(error));
    yield* stream;
  };
}

async function copyInto(stream: Socket, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const piece of pieces) {
    if (!stream.write(piece)) await once(stream, "drain");
  }
  stream.end();
}
