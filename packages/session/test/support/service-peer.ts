import { type Duplex, duplexPair } from "node:stream";
import type { DescService } from "@bufbuild/protobuf";
import { BoundedQueue } from "@buildkit-node/core";
import type { Attachable } from "@buildkit-node/session";
import {
  CallError,
  type CallHandler,
  type Connection,
  type MetadataPairs,
  methodPath,
  openConnection,
  StatusCode,
} from "@buildkit-node/transport";
import { ClientCall, frameMessage, serveGrpc } from "@buildkit-node/transport/internal";
import { type Client, createClient } from "@connectrpc/connect";

/** What stands in a daemon's place: real gRPC clients, over HTTP/2, of the services of a session. */
export interface ServicePeer extends AsyncDisposable {
  readonly connection: Connection;
  client<S extends DescService>(service: S): Client<S>;
}

export async function callServices(...attachables: readonly Attachable[]): Promise<ServicePeer> {
  const [clientEnd, serverEnd] = duplexPair() as [Duplex, Duplex];
  const handlers = new Map<string, CallHandler>(attachables.flatMap(({ methods }) => [...methods]));
  const server = serveGrpc(serverEnd, { handlers });
  const dialer = { address: "pipe", authority: "localhost", dial: async () => clientEnd };
  const connection = await openConnection(dialer, { signal: AbortSignal.timeout(10_000) });
  return {
    connection,
    client: (service) => createClient(service, connection.rpc),
    [Symbol.asyncDispose]: async () => {
      await connection.close();
      await server.closed;
    },
  };
}

/** A streaming call whose messages are sent and read one by one, and which may be ended by either side first. */
export interface PeerCall {
  send(message: Uint8Array): void;
  /** The next message; `undefined` after the last. Rejects when the call ends with another status than OK. */
  next(): Promise<Buffer | undefined>;
  halfClose(): void;
  /** Reads no more, until the call is given up. */
  pause(): void;
  /** Breaks off. */
  cancel(): void;
}

export async function openCall(
  { connection }: ServicePeer,
  method: Parameters<typeof methodPath>[0],
  metadata: MetadataPairs = [],
): Promise<PeerCall> {
  const messages = new BoundedQueue<Buffer>({ limit: Number.POSITIVE_INFINITY });
  const call = new ClientCall((receiver) => connection.openStream(methodPath(method), metadata, receiver), {
    onMessage: (message) => messages.push(message),
    onEnd: ({ code, message }) =>
      messages.end(code === StatusCode.ok ? undefined : { error: new CallError(code, message) }),
    onDrain: () => {},
  });
  return {
    send: (message) => void call.send(frameMessage(message)),
    next: async () => (await messages.next()).value,
    halfClose: () => call.endSending(),
    pause: () => call.pause(),
    cancel: () => call.cancel(),
  };
}
