import { type DescMessage, type DescMethod, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { errorMessage, onAbort } from "@buildkit-node/core";
import type { Connection, MetadataPairs } from "./connection.ts";
import { ClientCall } from "./grpc/client-call.ts";
import type { Metadata } from "./grpc/metadata.ts";
import { CallError, type GrpcStatus, StatusCode } from "./grpc/status.ts";
import { methodPath } from "./grpc/unary.ts";
import { type HeadersFrom, RpcHeaders } from "./rpc-headers.ts";
import { statusError } from "./status-error.ts";

/** What a call needs of its connection. */
export type Caller = Pick<Connection, "lost" | "openStream">;

/** What the caller of a method may say of the call. */
export interface RpcOptions {
  readonly signal: AbortSignal | undefined;
  /** How long the call may take. Absent, or not above 0: for ever. */
  readonly timeoutMs: number | undefined;
  readonly metadata: HeadersFrom | undefined;
}

/** What the maker of a call is told; see `CallEvents`. */
export interface RpcEvents<O extends DescMessage> {
  readonly onStart: (header: Headers) => void;
  readonly onMessage: (message: MessageShape<O>) => void;
  /** @param failure what its caller is told; absent when the daemon's status is OK */
  readonly onEnd: (failure: { readonly error: unknown } | undefined, trailer: Headers) => void;
  readonly onDrain?: () => void;
}

/** Begins a call that its signal, its time limit or its connection may end. */
export function beginRpc<O extends DescMessage>(
  caller: Caller,
  method: DescMethod & { readonly output: O },
  { signal, timeoutMs, metadata }: RpcOptions,
  events: RpcEvents<O>,
): ClientCall {
  signal?.throwIfAborted();
  const path = methodPath(method);
  const limitMs = timeLimitMs(timeoutMs);
  const lines: MetadataPairs = [
    ...new RpcHeaders(metadata),
    ...(limitMs === undefined ? [] : [["grpc-timeout", grpcTimeout(limitMs)] as const]),
  ];
  const call = new ClientCall((receiver) => caller.openStream(path, lines, receiver), {
    onStart: (headers) => events.onStart(webHeaders(headers)),
    onMessage: (bytes) => events.onMessage(decode(method.output, bytes)),
    onEnd: (status, trailers) => {
      clearTimeout(timer);
      aborted[Symbol.dispose]();
      events.onEnd(failureOf(status), webHeaders(trailers));
    },
    onDrain: () => events.onDrain?.(),
  });
  const aborted = onAbort(signal, () => call.cancel());
  const timer = limitMs === undefined ? undefined : setTimeout(() => call.cancel(late(limitMs)), limitMs);
  const failureOf = (status: GrpcStatus) => {
    if (status.code === StatusCode.ok) return undefined;
    if (signal?.aborted === true) return { error: signal.reason };
    if (status.lost !== undefined && caller.lost.aborted) return { error: caller.lost.reason };
    return { error: statusError(path, status) };
  };
  return call;
}

/** The longest time that a timer takes. */
const maxLimitMs = 2 ** 31 - 1;

function timeLimitMs(timeoutMs: number | undefined): number | undefined {
  return timeoutMs === undefined || !(timeoutMs > 0) ? undefined : Math.min(Math.ceil(timeoutMs), maxLimitMs);
}

/** Eight digits at most, and a unit. */
function grpcTimeout(ms: number): string {
  return ms < 1e8 ? `${ms}m` : `${Math.ceil(ms / 1000)}S`;
}

function late(limitMs: number): GrpcStatus {
  return { code: StatusCode.deadlineExceeded, message: `the call took longer than ${limitMs} ms` };
}

function webHeaders({ pairs }: Metadata): Headers {
  return new RpcHeaders(pairs.filter(([name]) => !name.startsWith(":")));
}

function decode<O extends DescMessage>(type: O, { buffer, byteOffset, length }: Buffer): MessageShape<O> {
  try {
    // Not as a Buffer: the bytes in it would be Buffers, too.
    return fromBinary(type, new Uint8Array(buffer, byteOffset, length));
  } catch (error) {
    const problem = `the answer cannot be read as ${type.typeName}: ${errorMessage(error)}`;
    throw new CallError(StatusCode.internal, problem);
  }
}
