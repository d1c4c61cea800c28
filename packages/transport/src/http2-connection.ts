import { setMaxListeners } from "node:events";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type ClientSessionOptions,
  connect,
  constants,
  type OutgoingHttpHeaders,
} from "node:http2";
import type { Duplex } from "node:stream";
import { BuildkitError, onAbort, within } from "@buildkit-node/core";
import type { Transport } from "@connectrpc/connect";
import { ConnectError, dialFailed } from "./connect-error.ts";
import type { Connection, MetadataPairs } from "./connection.ts";
import { ConnectionLostError } from "./connection-lost-error.ts";
import type { Dialer } from "./dialer.ts";
import { createRpcTransport } from "./rpc-transport.ts";

const mebibyte = 1024 * 1024;

/**
 * - `maxHeaderListSize`: a header block over 64 KiB (the details of a large error) makes Node hang or drop the whole
 *   connection. A peer that knows this limit resets only the stream whose headers are too large.
 * - `initialWindowSize`: what a daemon may send on one stream before we have read it; a session's tunnel carries
 *   whole exports.
 */
const settings = { maxHeaderListSize: 62_000, initialWindowSize: 4 * mebibyte, enablePush: false };

/** What a daemon may send on all streams together; Node hands it back as soon as it arrives. */
const connectionWindowBytes = 64 * mebibyte;

const sessionOptions: ClientSessionOptions = {
  settings,
  // MB queued in the session before Node resets streams; our own queues are bounded well below.
  maxSessionMemory: 1024,
};

/** The largest frame that an HTTP/2 endpoint takes unless it says otherwise. */
const defaultFrameBytes = 16_384;

/** How long `close` waits for what the connection runs over to end; a helper program takes up to 3 s. */
const closeMs = 5_000;

/**
 * Dials and waits until the other side has shown that it speaks HTTP/2.
 *
 * @throws {ConnectError} or the signal's reason
 */
export async function openConnection(
  dialer: Dialer,
  options: { readonly signal: AbortSignal },
): Promise<Connection> {
  const { signal } = options;
  signal.throwIfAborted();
  const duplex = await dialer.dial(signal);
  const session = connect(`${dialer.scheme ?? "http"}://${dialer.authority}`, {
    ...sessionOptions,
    createConnection: () => duplex,
  });
  session.on("error", () => {});
  duplex.on("error", () => {});
  try {
    await greeted(dialer, session, duplex, signal);
  } catch (error) {
    session.destroy();
    duplex.destroy();
    throw error;
  }
  return new Http2Connection(dialer, session, duplex);
}

/** Waits for the peer's first SETTINGS frame, which every HTTP/2 server sends unasked. */
function greeted(
  dialer: Dialer,
  session: ClientHttp2Session,
  duplex: Duplex,
  signal: AbortSignal,
): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    const settle = (act: () => void) => () => {
      aborted[Symbol.dispose]();
      session.off("remoteSettings", onSettings).off("error", onError).off("close", onClose);
      duplex.off("error", onError).off("close", onClose);
      act();
    };
    const onSettings = settle(resolve);
    const onClose = settle(() => reject(hungUp(dialer)));
    const onError = (error: Error) => settle(() => reject(greetingFailed(dialer, error)))();
    session.on("remoteSettings", onSettings).on("error", onError).on("close", onClose);
    // A TLS socket's error destroys the session without a word from that.
    duplex.on("error", onError).on("close", onClose);
    const aborted = onAbort(signal, (reason) => settle(() => reject(reason))());
  });
}

function greetingFailed(dialer: Dialer, error: Error & { code?: string }): ConnectError {
  // nghttp2's errors all carry this code: bytes came back that are not HTTP/2.
  const foreign = error.code === "ERR_HTTP2_ERROR";
  return foreign ? notBuildkit(dialer, "it does not speak HTTP/2", error) : dialFailed(dialer.address, error);
}

function hungUp(dialer: Dialer): ConnectError {
  const { address, scheme } = dialer;
  if (scheme !== "https") return notBuildkit(dialer, "it closed the connection");
  // What we have sent by then makes the system drop the alert, if the daemon sent one.
  const problem = "it closed the connection right after the TLS handshake";
  const advice =
    "a daemon that misses a client certificate, or does not accept it, does so: give tls.cert and tls.key";
  return new ConnectError([{ address, failure: "tls", problem, advice }]);
}

function notBuildkit({ address, scheme }: Dialer, seen: string, cause?: unknown): ConnectError {
  // In the clear, a daemon that speaks TLS is as mute as anything else.
  const inClear = address.startsWith("tcp:") && scheme !== "https";
  const problem = `something listens there that is not BuildKit${inClear ? ", or that speaks TLS" : ""}: ${seen}`;
  const engine = /^(unix|tcp|npipe):/.test(address) ? `docker://${address}` : "docker:///var/run/docker.sock";
  const tls = inClear ? ", and give the tls option for TLS" : "";
  const advice = `check the address${tls}; a Docker Engine's API socket is written docker://, as in ${engine}`;
  return new ConnectError([{ address, failure: "not-buildkit", problem, advice }], { cause });
}

/** States: usable, then (the daemon says that it goes away) draining, then gone; `lost` tells the last. */
class Http2Connection implements Connection {
  readonly address: string;
  readonly rpc: Transport;
  readonly #authority: string;
  readonly #session: ClientHttp2Session;
  readonly #duplex: Duplex;
  readonly #lost = new AbortController();
  readonly #ended: Promise<void>;
  #failure: unknown;
  #streams = 0;

  constructor(dialer: Dialer, session: ClientHttp2Session, duplex: Duplex) {
    this.address = dialer.address;
    this.#authority = dialer.authority;
    this.#session = session;
    this.#duplex = duplex;
    session.setLocalWindowSize(connectionWindowBytes);
    session.on("error", (error) => {
      this.#failure ??= error;
    });
    // Node destroys a TCP socket with its session and the other way round, but not every other Duplex.
    duplex.on("error", (error) => {
      this.#failure ??= error;
      duplex.destroy();
    });
    this.#ended = new Promise((resolve) => {
      session.once("close", () => {
        this.#end(new ConnectionLostError(this.address, this.#failure));
        duplex.destroy();
      });
      duplex.once("close", () => {
        this.#end(new ConnectionLostError(this.address, this.#failure));
        session.destroy();
        resolve();
      });
    });
    this.#hold(false);
    // Each call listens.
    setMaxListeners(0, this.lost);
    this.rpc = createRpcTransport({
      authority: dialer.authority,
      lost: this.lost,
      request: (headers) => this.#request(headers),
    });
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  get usable(): boolean {
    return !this.lost.aborted && !this.#session.closed && !this.#session.destroyed;
  }

  get keepsHeaderLimit(): boolean {
    // Of Go's servers only gRPC's own minds the limit, and only it leaves the size of frames as HTTP/2 has it.
    return this.#session.remoteSettings.maxFrameSize === defaultFrameBytes;
  }

  async openStream(path: string, metadata: MetadataPairs = []): Promise<ClientHttp2Stream> {
    return this.#request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      ...asHeaders(metadata),
    });
  }

  async close(): Promise<void> {
    const reason = new BuildkitError("ERR_BUILDKIT_CLOSED", `the connection to ${this.address} was closed`);
    this.#end(reason);
    if (!this.#session.destroyed) this.#session.destroy(reason, constants.NGHTTP2_CANCEL);
    await within(this.#ended, closeMs);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #request(headers: OutgoingHttpHeaders): ClientHttp2Stream {
    this.lost.throwIfAborted();
    if (!this.usable) throw new ConnectionLostError(this.address, new Error("the daemon is shutting down"));
    // Node would add the scheme's own port to the name.
    const stream = this.#session.request({ ":authority": this.#authority, ...headers });
    // A stream whose owner has left must not end the process when the connection goes.
    stream.on("error", () => {});
    if (this.#streams++ === 0) this.#hold(true);
    stream.once("close", () => {
      if (--this.#streams === 0) this.#hold(false);
    });
    return stream;
  }

  /** An idle connection does not keep the process alive; one with calls on it does. */
  #hold(alive: boolean): void {
    const duplex: Duplex & { ref?(): unknown; unref?(): unknown } = this.#duplex;
    if (alive) {
      this.#session.ref();
      duplex.ref?.();
    } else {
      this.#session.unref();
      duplex.unref?.();
    }
  }

  #end(reason: unknown): void {
    if (!this.lost.aborted) this.#lost.abort(reason);
  }
}

/** Node writes an array as header lines of their own. */
function asHeaders(metadata: MetadataPairs): OutgoingHttpHeaders {
  const headers: Record<string, string[]> = {};
  for (const [name, value] of metadata) {
    const lines = headers[name];
    if (lines === undefined) headers[name] = [value];
    else lines.push(value);
  }
  return headers;
}
