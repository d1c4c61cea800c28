import { BoundedQueue, onAbort } from "@buildkit-node/core";
import { ConnectError as RpcError } from "@connectrpc/connect";
import type { UniversalClientFn } from "@connectrpc/connect/protocol";
import type { MetadataPairs } from "./connection.ts";
import { lostStatus } from "./grpc/client-call.ts";
import { Metadata } from "./grpc/metadata.ts";
import { Http2Code } from "./http2/frame.ts";
import type { HeaderPair } from "./http2/hpack-decoder.ts";
import type { Http2Stream, StreamLostError, StreamReceiver } from "./http2/http2-stream.ts";
import { RpcHeaders } from "./rpc-headers.ts";
import { type PromiseWithResolvers, withResolvers } from "./with-resolvers.ts";

/** Begins a POST request on an HTTP/2 connection. */
export type OpenRequest = (path: string, headers: MetadataPairs, receiver: StreamReceiver) => Http2Stream;

/** The cause of an RPC's error whose stream ended before it was answered. */
export class StreamEndedError extends Error {
  override readonly name: string = "StreamEndedError";
}

/**
 * The HTTP client below connect's gRPC: each request on a stream of one HTTP/2 connection. A request that is given up
 * resets its stream with CANCEL; what ends a stream before its trailers is an error with the status that gRPC has for it.
 */
export function rpcHttpClient(open: OpenRequest): UniversalClientFn {
  return async ({ url, header, body, signal }) => {
    signal?.throwIfAborted();
    const exchange = new Exchange((receiver) => open(new URL(url).pathname, [...header], receiver));
    const giveUp = onAbort(signal, (reason) => exchange.fail(reason));
    exchange.onEnd = () => giveUp[Symbol.dispose]();
    if (body !== undefined) void exchange.send(body);
    const headers = await exchange.answered;
    return {
      status: Number(headers.get(":status") ?? 0),
      header: webHeaders(headers),
      body: exchange.receive(),
      trailer: exchange.trailer,
    };
  };
}

/** One request and its answer. */
class Exchange implements StreamReceiver {
  /** Filled by the time when the body has ended. */
  readonly trailer = new RpcHeaders();
  onEnd: () => void = () => {};
  readonly #stream: Http2Stream;
  readonly #body = new BoundedQueue<Buffer>({
    limit: Number.POSITIVE_INFINITY,
    onReturn: () => this.fail(undefined),
  });
  readonly #answered: PromiseWithResolvers<Metadata> = withResolvers();
  #isAnswered = false;
  #drained: (() => void) | undefined;

  constructor(open: (receiver: StreamReceiver) => Http2Stream) {
    this.#stream = open(this);
  }

  /** The headers of the answer. */
  get answered(): Promise<Metadata> {
    return this.#answered.promise;
  }

  /** Ends the exchange for a reason of this side. */
  fail(reason: unknown): void {
    this.#stream.reset(Http2Code.cancel);
    this.#finish({ error: reason });
  }

  async send(body: AsyncIterable<Uint8Array>): Promise<void> {
    const stream = this.#stream;
    try {
      for await (const piece of body) {
        if (stream.closed) return;
        if (!stream.write(asBuffer(piece))) await new Promise<void>((resolve) => (this.#drained = resolve));
      }
      stream.end();
    } catch (error) {
      this.fail(error);
    }
  }

  async *receive(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const piece of this.#body) {
      this.#stream.consumed(piece.length);
      yield piece;
    }
  }

  headers(lines: readonly HeaderPair[]): void {
    if (this.#isAnswered) {
      for (const [name, value] of lines) this.trailer.append(name, value);
    } else {
      this.#isAnswered = true;
      this.#answered.resolve(new Metadata(lines));
    }
  }

  data(piece: Buffer): void {
    this.#body.push(piece);
  }

  end(): void {
    this.#finish(undefined);
  }

  lost(error: StreamLostError): void {
    const { code, message } = lostStatus(error);
    const ended = new StreamEndedError(message, { cause: error });
    this.#finish({ error: new RpcError(message, code, undefined, undefined, ended) });
  }

  drain(): void {
    const drained = this.#drained;
    this.#drained = undefined;
    drained?.();
  }

  #finish(failure: { readonly error: unknown } | undefined): void {
    this.#answered.reject(failure === undefined ? new Error("the answer has no headers") : failure.error);
    this.#body.end(failure);
    this.drain();
    this.onEnd();
  }
}

function webHeaders({ pairs }: Metadata): Headers {
  const web = new RpcHeaders();
  for (const [name, value] of pairs) if (!name.startsWith(":")) web.append(name, value);
  return web;
}

function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
