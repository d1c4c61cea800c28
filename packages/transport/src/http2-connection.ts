import { setMaxListeners } from "node:events";
import type { Duplex } from "node:stream";
import { abortable, BuildkitError, within } from "@buildkit-node/core";
import type { Transport } from "@connectrpc/connect";
import { ConnectError, dialFailed } from "./connect-error.ts";
import type { Connection, MetadataPairs } from "./connection.ts";
import { ConnectionLostError } from "./connection-lost-error.ts";
import type { Dialer } from "./dialer.ts";
import { Http2Client } from "./http2/http2-client.ts";
import { Http2Error } from "./http2/http2-error.ts";
import type { Http2Stream, StreamReceiver } from "./http2/http2-stream.ts";
import { createRpcTransport } from "./rpc-transport.ts";

/** How long a daemon has to read the last that was sent to it. */
const unreadMs = 500;

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
  const pipe = await dialer.dial(signal);
  const connection = new Http2Connection(dialer, pipe);
  try {
    await connection.greeted(signal);
  } catch (error) {
    pipe.destroy();
    throw error;
  }
  return connection;
}

function greetingFailed(dialer: Dialer, error: Error | undefined): ConnectError {
  if (error === undefined) return hungUp(dialer);
  const isForeign = error instanceof Http2Error;
  return isForeign
    ? notBuildkit(dialer, "it does not speak HTTP/2", error)
    : dialFailed(dialer.address, error);
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

/** Ends a pipe after what waits in it: one that is not a socket tells its other end of an end, and not of its destruction. */
function hangUp(pipe: Duplex): void {
  pipe.end(() => pipe.destroy());
  const unread = setTimeout(() => pipe.destroy(), unreadMs).unref();
  pipe.once("close", () => clearTimeout(unread));
}

/** States: usable, then (the daemon says that it goes away) draining, then gone; `lost` tells the last. */
class Http2Connection implements Connection {
  readonly address: string;
  readonly rpc: Transport;
  readonly #dialer: Dialer;
  readonly #pipe: Duplex;
  readonly #http2: Http2Client;
  readonly #lost = new AbortController();
  readonly #pipeClosed: Promise<void>;
  /** The header lines that all calls have. */
  readonly #common: MetadataPairs;

  constructor(dialer: Dialer, pipe: Duplex) {
    this.address = dialer.address;
    this.#dialer = dialer;
    this.#pipe = pipe;
    this.#pipeClosed = new Promise((resolve) => {
      pipe.once("close", resolve);
    });
    this.#http2 = new Http2Client(pipe, {
      onEnded: (error) => {
        this.#end(new ConnectionLostError(this.address, error));
        hangUp(pipe);
      },
      onIdle: () => this.#hold(false),
    });
    // One connection serves any number of builds, and whoever has it may listen for each.
    setMaxListeners(0, this.lost);
    const { authority, scheme = "http" } = dialer;
    this.rpc = createRpcTransport(this);
    this.#common = [
      [":method", "POST"],
      [":scheme", scheme],
      [":authority", authority],
      ["content-type", "application/grpc"],
      ["te", "trailers"],
    ];
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  get usable(): boolean {
    return !this.lost.aborted && this.#http2.usable;
  }

  /** Waits until the other side has shown that it speaks HTTP/2. An idle connection then no longer keeps the process alive. */
  async greeted(signal: AbortSignal): Promise<void> {
    const ended = this.#http2.closed.then((error) => {
      throw greetingFailed(this.#dialer, error);
    });
    await abortable(Promise.race([this.#http2.greeted, ended]), signal);
    this.#hold(false);
  }

  openStream(path: string, metadata: MetadataPairs, receiver: StreamReceiver): Http2Stream {
    this.lost.throwIfAborted();
    if (!this.usable) throw new ConnectionLostError(this.address, new Error("the daemon is shutting down"));
    if (this.#http2.activeStreams === 0) this.#hold(true);
    return this.#http2.open([[":path", path], ...this.#common, ...metadata], receiver);
  }

  async close(): Promise<void> {
    this.#end(new BuildkitError("ERR_BUILDKIT_CLOSED", `the connection to ${this.address} was closed`));
    this.#http2.destroy();
    await within(this.#pipeClosed, closeMs);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** An idle connection does not keep the process alive; one with calls on it does. */
  #hold(alive: boolean): void {
    const pipe: Duplex & { ref?(): unknown; unref?(): unknown } = this.#pipe;
    if (alive) pipe.ref?.();
    else pipe.unref?.();
  }

  #end(reason: unknown): void {
    if (!this.lost.aborted) this.#lost.abort(reason);
  }
}
