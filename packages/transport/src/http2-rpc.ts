import { type ClientHttp2Stream, constants, type OutgoingHttpHeaders } from "node:http2";
import {
  create,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { abortable, delay, InvalidArgumentError, onAbort } from "@buildkit-node/core";
import { frameMessage } from "./grpc/frame-message.ts";
import { MessageDecoder, maxMessageBytes } from "./grpc/message-decoder.ts";
import { headerReader, readResponse, watchResponse } from "./grpc/read-response.ts";
import { type GrpcStatus, StatusCode } from "./grpc/status.ts";
import { methodPath } from "./grpc/unary.ts";
import type { Rpc, RpcOptions } from "./rpc.ts";
import { statusError } from "./status-error.ts";

/** The connection that calls are made on. */
export interface RpcConnection {
  request(headers: OutgoingHttpHeaders): ClientHttp2Stream;
  /** Whether it has ended, also when that is not known to all yet. */
  readonly ended: boolean;
  /** Aborted with the error that ended it. */
  readonly lost: AbortSignal;
}

/** How long the reason may take to be known after a connection has ended. */
const reasonMs = 1_000;

/** gRPC on an HTTP/2 connection of ours. Compression is never asked for. */
export function http2Rpc(connection: RpcConnection): Rpc {
  return {
    unary: (method, request, options = {}) => unaryCall(connection, method, request, options),
    stream: (method, requests, options = {}) => streamingCall(connection, method, requests, options),
  };
}

/** A method with the types of its messages. */
type Method<I extends DescMessage, O extends DescMessage> = Pick<DescMethod, "name" | "parent"> & {
  readonly input: I;
  readonly output: O;
};

async function unaryCall<I extends DescMessage, O extends DescMessage>(
  connection: RpcConnection,
  method: Method<I, O>,
  request: MessageInitShape<I>,
  options: RpcOptions,
): Promise<MessageShape<O>> {
  const message = framed(method, request);
  const stream = begin(connection, method, options);
  using _given = onAbort(options.signal, () => giveUp(stream));
  let answer: Buffer | undefined;
  const response = readResponse(stream, (received) => {
    answer ??= received;
  });
  stream.end(message);
  const status = await abortable(response.status, options.signal);
  if (status.code !== StatusCode.ok) throw await failure(connection, method, status);
  if (answer !== undefined) return decoded(method, answer);
  const missing = { code: StatusCode.internal, message: "the answer holds no message" };
  throw statusError(methodPath(method), missing);
}

async function* streamingCall<I extends DescMessage, O extends DescMessage>(
  connection: RpcConnection,
  method: Method<I, O>,
  requests: AsyncIterable<MessageInitShape<I>>,
  options: RpcOptions,
): AsyncGenerator<MessageShape<O>, void, undefined> {
  const { signal } = options;
  const stream = begin(connection, method, options);
  using _given = onAbort(signal, () => giveUp(stream));
  const response = watchResponse(stream);
  const sending = send(stream, method, requests);
  const decoder = new MessageDecoder();
  let isWhole = false;
  try {
    for await (const chunk of chunksOf(stream)) {
      decoder.push(chunk);
      for (let next = decoder.next(); next !== undefined; next = decoder.next()) {
        yield decoded(method, next);
        signal?.throwIfAborted();
      }
    }
    isWhole = true;
  } finally {
    if (!isWhole || !stream.writableEnded) giveUp(stream);
  }
  const status = await abortable(response.status, signal);
  if (sending.failure !== undefined) throw sending.failure.error;
  if (status.code !== StatusCode.ok) throw await failure(connection, method, status);
}

function begin(
  connection: RpcConnection,
  method: Pick<DescMethod, "name" | "parent">,
  { headers, signal, onHeader }: RpcOptions,
): ClientHttp2Stream {
  signal?.throwIfAborted();
  const stream = connection.request({
    ":method": "POST",
    ":path": methodPath(method),
    "content-type": "application/grpc",
    te: "trailers",
    ...headers,
  });
  if (onHeader !== undefined) stream.once("response", (received) => onHeader(headerReader(received)));
  return stream;
}

/** With any other code Node 20 writes to the connection from within its own reading of it, and its memory is corrupted. */
function giveUp(stream: ClientHttp2Stream): void {
  if (!stream.closed) stream.close(constants.NGHTTP2_CANCEL);
}

/** What arrives, to its end. How it ended is for the status to tell. */
async function* chunksOf(stream: ClientHttp2Stream): AsyncGenerator<Buffer, void, undefined> {
  try {
    // To destroy a stream is to reset it with a code of Node's choice.
    yield* stream.iterator({ destroyOnReturn: false });
  } catch {
    // The stream was reset.
  }
}

interface Sending {
  /** What the caller's messages failed with. */
  readonly failure?: { readonly error: unknown };
}

/** Sends the requests while answers arrive, no faster than they are taken. */
function send<I extends DescMessage>(
  stream: ClientHttp2Stream,
  method: Method<I, DescMessage>,
  requests: AsyncIterable<MessageInitShape<I>>,
): Sending {
  const sending: { failure?: { readonly error: unknown } } = {};
  const iterator = requests[Symbol.asyncIterator]();
  stream.once("close", () => {
    void iterator.return?.().catch(() => {});
  });
  const run = async () => {
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
      if (stream.closed) return;
      if (!stream.write(framed(method, next.value))) await untilDrained(stream);
    }
    stream.end();
  };
  run().catch((error: unknown) => {
    sending.failure = { error };
    giveUp(stream);
  });
  return sending;
}

function untilDrained(stream: ClientHttp2Stream): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stream.off("drain", done).off("close", done);
      resolve();
    };
    stream.on("drain", done).on("close", done);
  });
}

/** @throws {InvalidArgumentError} for a message that no daemon would take */
function framed<I extends DescMessage>(method: Method<I, DescMessage>, request: MessageInitShape<I>): Buffer {
  const message = toBinary(method.input, create(method.input, request));
  if (message.length <= maxMessageBytes) return frameMessage(message);
  const megabytes = (message.length / 1e6).toFixed(1);
  throw new InvalidArgumentError(
    "request",
    message.length,
    `the request to ${methodPath(method)} has ${megabytes} MB, and BuildKit takes 16 MiB at most; ` +
      "a graph of that size has to be built in parts",
  );
}

/** Bytes of a message are plain ones: Node's are of a class of their own. */
function decoded<O extends DescMessage>(method: Method<DescMessage, O>, message: Buffer): MessageShape<O> {
  return fromBinary(method.output, new Uint8Array(message.buffer, message.byteOffset, message.byteLength));
}

/** The end of a connection resets its streams first, and then becomes known. */
async function failure(
  connection: RpcConnection,
  method: Pick<DescMethod, "name" | "parent">,
  status: GrpcStatus,
): Promise<unknown> {
  const { lost } = connection;
  if (status.reset === true && connection.ended) await delay(reasonMs, lost).catch(() => {});
  return status.reset === true && lost.aborted ? lost.reason : statusError(methodPath(method), status);
}
