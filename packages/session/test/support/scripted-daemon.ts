import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import { Duplex, duplexPair } from "node:stream";
import { type Connection, openConnection } from "@buildkit-node/transport";
import { onTestFinished } from "vitest";

/**
 * The daemon's side of a session, as a script: real HTTP/2 by Node in both layers, and the framing of messages written
 * anew in the plainest way, so that it shares no mistake with what it tests.
 */
export interface ScriptedDaemon {
  readonly connection: Connection;
  /** Resolves with the next session that a client opens. */
  nextSession(): Promise<DaemonSession>;
  /** The client's connections end without a word. */
  breakConnections(): void;
}

export async function scriptedDaemon(): Promise<ScriptedDaemon> {
  const sessions = new Mailbox<DaemonSession>();
  const outer = createServer();
  outer.on("sessionError", () => {});
  const pipes: Duplex[] = [];
  const ends: Duplex[] = [];
  outer.on(
    "stream",
    (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, rawHeaders: string[]) => {
      stream.on("error", () => {});
      if (stream.closed || stream.destroyed) return;
      if (headers[":path"] === "/moby.buildkit.v1.Control/Session")
        sessions.put(new DaemonSession(stream, rawHeaders));
      else
        stream.respond(
          { ":status": 200, "content-type": "application/grpc", "grpc-status": "12" },
          { endStream: true },
        );
    },
  );
  const dialer = {
    address: "test://daemon",
    authority: "localhost",
    dial: async () => {
      const [ours, theirs] = duplexPair();
      pipes.push(theirs);
      ends.push(ours);
      outer.emit("connection", theirs);
      return ours;
    },
  };
  const connection = await openConnection(dialer, { signal: AbortSignal.timeout(10_000) });
  onTestFinished(async () => {
    await connection.close();
    for (const pipe of pipes) pipe.destroy();
  });
  const breakConnections = () => {
    for (const end of ends) end.push(null);
  };
  return { connection, nextSession: () => sessions.take(), breakConnections };
}

/** One session, from the side that calls through it. */
export class DaemonSession {
  /** The header lines with which the session was opened. */
  readonly headers: readonly (readonly [string, string])[];
  readonly tunnel: ServerHttp2Stream;
  readonly #client: ClientHttp2Session;

  constructor(tunnel: ServerHttp2Stream, rawHeaders: readonly string[]) {
    this.tunnel = tunnel;
    this.headers = pairs(rawHeaders);
    tunnel.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    tunnel.on("wantTrailers", () => tunnel.sendTrailers({ "grpc-status": "0" }));
    this.#client = connect("http://localhost", {
      createConnection: () => bytePipe(tunnel),
      maxSendHeaderBlockLength: 2 ** 24,
    });
    this.#client.on("error", () => {});
    onTestFinished(() => this.#client.destroy());
  }

  /** Values of a header of the opening request. */
  header(name: string): string[] {
    return this.headers.flatMap(([key, value]) => (key === name ? [value] : []));
  }

  /** Calls a method; a metadata key may repeat, each with a line of its own. */
  call(path: string, metadata: Readonly<Record<string, string | string[]>> = {}): DaemonCall {
    const headers = {
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      ...metadata,
    };
    return new DaemonCall(this.#client.request(headers, { endStream: false }));
  }

  /** Ends the session as a daemon does that has no more use for it: with the status OK. */
  end(): void {
    this.tunnel.end();
  }
}

/** One call of the daemon's. */
export class DaemonCall {
  readonly stream: ClientHttp2Stream;
  /** Resolves at the end of the call with its status; `code` is -1 for a stream that was reset. */
  readonly status: Promise<{ readonly code: number; readonly message: string }>;
  readonly #messages = new Mailbox<Buffer | undefined>();

  constructor(stream: ClientHttp2Stream) {
    this.stream = stream;
    stream.on("error", () => {});
    let headers: IncomingHttpHeaders = {};
    stream.on("response", (received) => {
      headers = received;
    });
    stream.on("trailers", (received) => {
      headers = received;
    });
    let bytes: Buffer = Buffer.alloc(0);
    stream.on("data", (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      while (bytes.length >= 5 && bytes.length >= 5 + bytes.readUInt32BE(1)) {
        const end = 5 + bytes.readUInt32BE(1);
        this.#messages.put(bytes.subarray(5, end));
        bytes = bytes.subarray(end);
      }
    });
    const closed = new Promise((resolve) => stream.once("close", resolve));
    this.status = closed.then(() => {
      this.#messages.put(undefined);
      return {
        code: Number(headers["grpc-status"] ?? -1),
        message: decodeURIComponent(String(headers["grpc-message"] ?? "")),
      };
    });
  }

  send(message: Uint8Array): void {
    if (!this.stream.destroyed) this.stream.write(framed(message));
  }

  /** The next message; `undefined` when there are no more. */
  async receive(): Promise<Buffer | undefined> {
    const message = await this.#messages.take();
    if (message === undefined) this.#messages.put(undefined);
    return message;
  }

  halfClose(): void {
    this.stream.end();
  }

  cancel(): void {
    // Not `close`, which ends our side first: a daemon that cancels does not.
    this.stream.destroy();
  }
}

/** The bytes inside a stream of `BytesMessage { bytes data = 1 }`. */
function bytePipe(stream: ServerHttp2Stream): Duplex {
  let bytes: Buffer = Buffer.alloc(0);
  const pipe = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, callback) {
      if (stream.writableEnded) return callback();
      const length: number[] = [];
      let rest = chunk.length;
      for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) + 128);
      stream.write(framed(Buffer.concat([Buffer.from([0x0a, ...length, rest]), chunk])), () => callback());
    },
    final(callback) {
      stream.end();
      callback();
    },
  });
  pipe.on("error", () => {});
  stream.on("data", (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    while (bytes.length >= 5 && bytes.length >= 5 + bytes.readUInt32BE(1)) {
      const end = 5 + bytes.readUInt32BE(1);
      // A daemon would take an empty message for other bytes.
      if (end === 5) throw new Error("an empty message came through the tunnel");
      let start = 6;
      while ((bytes[start] ?? 0) >= 128) start++;
      pipe.push(bytes.subarray(start + 1, end));
      bytes = bytes.subarray(end);
    }
  });
  stream.on("end", () => pipe.push(null));
  stream.on("close", () => pipe.destroy());
  return pipe;
}

function framed(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

function pairs(raw: readonly string[]): (readonly [string, string])[] {
  return raw.flatMap((name, at) => (at % 2 === 0 ? [[name.toLowerCase(), raw[at + 1] ?? ""] as const] : []));
}

class Mailbox<T> {
  readonly #items: T[] = [];
  readonly #waiting: ((item: T) => void)[] = [];

  put(item: T): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#items.push(item);
    else waiting(item);
  }

  take(): Promise<T> {
    if (this.#items.length > 0) return Promise.resolve(this.#items.shift() as T);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
