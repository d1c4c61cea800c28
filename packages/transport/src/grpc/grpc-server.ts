import type { Duplex } from "node:stream";
import { InvalidArgumentError } from "@buildkit-node/core";
import { Http2Server } from "../http2/http2-server.ts";
import type { Http2Stream } from "../http2/http2-stream.ts";
import { Http2ServerCall, type ServerCall } from "./server-call.ts";
import { StatusCode, statusOf } from "./status.ts";

/** Serves one call. Its result ends the call with the status OK; a `CallError` is a status of the handler's choice. */
export type CallHandler = (call: ServerCall) => Promise<void>;

/** A gRPC server for the one client at the other end of a byte pipe. */
export interface GrpcServer {
  /** Resolves when the pipe has ended and every handler has returned, with the error if it broke. Never rejects. */
  readonly closed: Promise<Error | undefined>;
  /** Calls whose handlers have not returned. */
  readonly activeCalls: number;
  /** Resolves when no handler runs; calls that come later are served all the same. */
  idle(): Promise<void>;
  /** Gives up every call. The pipe is its owner's to end. */
  destroy(error?: Error): void;
}

export interface GrpcServerOptions {
  /** Handlers by `/service/Method`. Every other method is answered with `UNIMPLEMENTED`. */
  readonly handlers: ReadonlyMap<string, CallHandler>;
  /** Told of every failure that a handler threw, before it is answered. */
  readonly onCallError?: (error: unknown, call: ServerCall) => void;
}

/** Serves gRPC over `pipe`, whose other end speaks HTTP/2 with prior knowledge. */
export function serveGrpc(pipe: Duplex, options: GrpcServerOptions): GrpcServer {
  for (const path of options.handlers.keys()) {
    if (!/^\/[^/]+\/[^/]+$/.test(path)) {
      throw new InvalidArgumentError(
        "handlers",
        path,
        `"${path}" is not a gRPC method: write "/service/Method"`,
      );
    }
  }
  const running = new Set<Promise<void>>();
  const connection = new Http2Server(pipe, (stream) => {
    const work = serveCall(stream, options).finally(() => running.delete(work));
    running.add(work);
  });
  const idle = async () => {
    while (running.size > 0) await Promise.all(running);
  };
  return {
    closed: connection.closed.then((error) => idle().then(() => error)),
    get activeCalls() {
      return running.size;
    },
    idle,
    destroy: (error) => connection.destroy(error),
  };
}

/** Never rejects: a call's failure is its answer. */
async function serveCall(stream: Http2Stream, options: GrpcServerOptions): Promise<void> {
  const call = new Http2ServerCall(stream);
  const handler = options.handlers.get(call.path);
  if (handler === undefined) {
    call.finish({ code: StatusCode.unimplemented, message: `unknown method ${call.path}` });
    return;
  }
  try {
    await handler(call);
    call.finish({ code: StatusCode.ok, message: "" });
  } catch (error) {
    if (call.signal.aborted) return;
    options.onCallError?.(error, call);
    call.finish(statusOf(error));
  }
}
