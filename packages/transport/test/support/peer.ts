import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import {
  createServer as createHttp2Server,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import { createServer as createNetServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Duplex, duplexPair } from "node:stream";

/** A peer of the test's own making on a unix socket in a directory of its own. */
export interface Peer extends AsyncDisposable {
  readonly path: string;
  readonly sockets: ReadonlySet<Socket>;
}

type OnStream = (stream: ServerHttp2Stream, path: string, rawHeaders: string[]) => void;

/** Listens on a unix socket; `script` is the other side of each connection. */
export async function listen(script: (socket: Socket) => void): Promise<Peer> {
  const server = createNetServer();
  const directory = await mkdtemp(join(tmpdir(), "bk-peer-"));
  const path = join(directory, "peer.sock");
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    script(socket);
  });
  server.listen(path);
  await once(server, "listening");
  return {
    path,
    sockets,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await closed(server);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Speaks HTTP/2 on every connection and gives its streams to `onStream`. */
export function listenHttp2(onStream: OnStream): Promise<Peer> {
  const server = http2Server(onStream);
  return listen((socket) => void server.emit("connection", socket));
}

/** An HTTP/2 server that is given its connections. */
export function http2Server(onStream: OnStream): Http2Server {
  const server = createHttp2Server();
  server.on("sessionError", () => {});
  const serve = (
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    _flags: number,
    rawHeaders: string[],
  ) => {
    stream.on("error", () => {});
    onStream(stream, String(headers[":path"]), rawHeaders);
  };
  server.on("stream", serve);
  return server;
}

/** Ends a gRPC call with a status; `message` is one whole message before it. */
export function answer(
  stream: ServerHttp2Stream,
  options: { status?: number; text?: string; message?: Uint8Array; trailers?: Record<string, string> } = {},
): void {
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => {
    stream.sendTrailers({
      "grpc-status": String(options.status ?? 0),
      "grpc-message": encodeURIComponent(options.text ?? ""),
      ...options.trailers,
    });
  });
  stream.end(options.message === undefined ? undefined : frame(options.message));
}

/** One gRPC message as it travels. */
export function frame(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

interface EngineOptions {
  readonly apiVersion: string;
  readonly onStream: OnStream;
  /** What came in, request lines and `h2` for a connection that began with HTTP/2. */
  readonly seen?: string[];
  /** Sends the 101 and the first HTTP/2 bytes in one write. */
  readonly glue?: boolean;
}

/** A Docker Engine's API socket, as far as BuildKit needs it. */
export function listenEngine(options: EngineOptions): Promise<Peer> {
  const serve = engineServer(options);
  return listen(serve);
}

/** The engine's side of one connection. */
export function engineServer(options: EngineOptions): (socket: Duplex) => void {
  const http2 = http2Server(options.onStream);
  return (socket) => {
    socket.once("data", function first(head: Buffer): void {
      const text = head.toString("latin1");
      if (text.startsWith("PRI * HTTP/2.0")) {
        options.seen?.push("h2");
        socket.pause();
        socket.unshift(head);
        http2.emit("connection", socket);
        return;
      }
      options.seen?.push(text.slice(0, text.indexOf(" HTTP/")));
      if (text.startsWith("GET /_ping")) {
        socket.write(`HTTP/1.1 200 OK\r\nApi-Version: ${options.apiVersion}\r\nContent-Length: 2\r\n\r\nOK`);
        socket.once("data", first);
      } else {
        upgrade(http2, socket, options.glue === true);
      }
    });
  };
}

const switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";

function upgrade(http2: Http2Server, socket: Duplex, glue: boolean): void {
  if (!glue) {
    socket.write(switching);
    http2.emit("connection", socket);
    return;
  }
  const [near, far] = duplexPair();
  far.once("data", (settings: Buffer) => {
    socket.write(Buffer.concat([Buffer.from(switching), settings]));
    far.pipe(socket).pipe(far);
  });
  http2.emit("connection", near);
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}
