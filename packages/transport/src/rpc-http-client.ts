import type { ClientHttp2Stream, IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";
import { onAbort } from "@buildkit-node/core";
import { ConnectError as RpcError } from "@connectrpc/connect";
import type { UniversalClientFn } from "@connectrpc/connect/protocol";
import { resetStatus } from "./grpc/read-response.ts";
import { Http2Code } from "./http2-server/frame.ts";
import { RpcHeaders } from "./rpc-headers.ts";

/** The cause of an RPC's error whose stream ended before it was answered. */
export class StreamEndedError extends Error {
  override readonly name: string = "StreamEndedError";
}

/**
 * The HTTP client below connect's gRPC: each request on a stream of one HTTP/2 connection. A request that is given up
 * resets its stream with CANCEL; what ends a stream before its trailers is an error with the status that gRPC has for it.
 */
export function rpcHttpClient(open: (headers: OutgoingHttpHeaders) => ClientHttp2Stream): UniversalClientFn {
  return async ({ url, method, header, body, signal }) => {
    signal?.throwIfAborted();
    const stream = open({
      ...Object.fromEntries(header),
      ":method": method,
      ":path": new URL(url).pathname,
    });
    const exchange = new Exchange(stream);
    const giveUp = onAbort(signal, (reason) => exchange.fail(reason));
    stream.once("close", () => giveUp[Symbol.dispose]());
    if (body !== undefined) void exchange.send(body);
    const headers = await exchange.answered;
    const answered = webHeaders(headers);
    const trailer = new RpcHeaders();
    return {
      status: headers[":status"] ?? 0,
      header: answered,
      body: exchange.receive(trailer, answered.has("grpc-status")),
      trailer,
    };
  };
}

type AnswerHeaders = IncomingHttpHeaders & { readonly ":status"?: number };

/** One request and its answer. */
class Exchange {
  /** The headers of the answer. */
  readonly answered: Promise<AnswerHeaders>;
  readonly #stream: ClientHttp2Stream;
  readonly #trailers: Promise<IncomingHttpHeaders | undefined>;
  #failure: unknown;

  constructor(stream: ClientHttp2Stream) {
    this.#stream = stream;
    let error: Error | undefined;
    stream.on("error", (thrown: Error) => {
      error = thrown;
    });
    this.answered = new Promise((resolve, reject) => {
      stream.once("response", resolve);
      stream.once("close", () => {
        this.#failure ??= streamEnded(stream, error);
        reject(this.#failure);
      });
    });
    this.#trailers = new Promise((resolve) => {
      stream.once("trailers", resolve);
      stream.once("close", () => resolve(undefined));
    });
  }

  /** Ends the exchange for a reason of this side. */
  fail(reason: unknown): void {
    this.#failure ??= reason;
    // Given another code, Node 20 writes to the connection from within its own reading of it, and its memory is corrupted.
    if (!this.#stream.closed) this.#stream.close(Http2Code.cancel);
  }

  async send(body: AsyncIterable<Uint8Array>): Promise<void> {
    const stream = this.#stream;
    try {
      for await (const piece of body) {
        if (stream.destroyed || stream.closed) return;
        if (!stream.write(piece)) await drained(stream);
      }
      stream.end();
    } catch (error) {
      this.fail(error);
    }
  }

  /** What the answer holds, and in the end its trailers, unless its headers were all of it. */
  async *receive(trailer: Headers, isWhole: boolean): AsyncGenerator<Uint8Array, void, undefined> {
    let ended = false;
    try {
      yield* this.#stream.iterator({ destroyOnReturn: false });
      const trailers = isWhole ? {} : await this.#trailers;
      if (trailers === undefined && this.#stream.rstCode !== Http2Code.noError) throw this.#failure;
      ended = true;
      // Without any, connect says what is missing.
      for (const [name, value] of webHeaders(trailers ?? {})) trailer.set(name, value);
    } catch (error) {
      throw this.#failure ?? streamEnded(this.#stream, error);
    } finally {
      if (!ended) this.fail(undefined);
    }
  }
}

function streamEnded(stream: ClientHttp2Stream, error: unknown): RpcError {
  const cause = error instanceof Error ? error : undefined;
  const { code, message } = resetStatus(stream, cause);
  const ended = new StreamEndedError(message, cause === undefined ? undefined : { cause });
  return new RpcError(message, code, undefined, undefined, ended);
}

function drained(stream: ClientHttp2Stream): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stream.off("drain", done).off("close", done);
      resolve();
    };
    stream.on("drain", done).on("close", done);
  });
}

function webHeaders(headers: IncomingHttpHeaders): Headers {
  const web = new RpcHeaders();
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || name.startsWith(":")) continue;
    web.set(name, Array.isArray(value) ? value.join(", ") : value);
  }
  return web;
}
