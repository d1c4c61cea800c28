import type { DescMethod } from "@bufbuild/protobuf";
import { onAbort } from "@buildkit-node/core";
import { Code, ConnectError as RpcError, type Transport } from "@connectrpc/connect";
import { createTransport } from "@connectrpc/connect/protocol-grpc";
import { type OpenRequest, rpcHttpClient } from "./rpc-http-client.ts";
import { statusError } from "./status-error.ts";

/** BuildKit's own limit for one message, in both directions. */
const maxMessageBytes = 16 * 1024 * 1024;

/** connect's gRPC client on an HTTP/2 connection of ours, failing with our errors. */
export function createRpcTransport(connection: {
  readonly authority: string;
  readonly lost: AbortSignal;
  readonly open: OpenRequest;
}): Transport {
  const inner = createTransport({
    httpClient: rpcHttpClient(connection.open),
    baseUrl: `http://${connection.authority}`,
    useBinaryFormat: true,
    interceptors: [],
    acceptCompression: [],
    sendCompression: null,
    compressMinBytes: 0,
    readMaxBytes: maxMessageBytes,
    writeMaxBytes: maxMessageBytes,
  });
  const explain = (method: DescMethod, signal: AbortSignal | undefined, thrown: unknown): unknown => {
    if (signal?.aborted === true) return signal.reason;
    if (connection.lost.aborted) return connection.lost.reason;
    return statusError(`/${method.parent.typeName}/${method.name}`, thrown);
  };
  return {
    unary: async (method, signal, ...rest) => {
      const scope = callScope(signal, connection.lost);
      try {
        return await inner.unary(method, scope.signal, ...rest);
      } catch (error) {
        throw explain(method, signal, error);
      } finally {
        scope[Symbol.dispose]();
      }
    },
    stream: async (method, signal, ...rest) => {
      const scope = callScope(signal, connection.lost);
      try {
        const response = await inner.stream(method, scope.signal, ...rest);
        const message = explained(response.message, scope, (error) => explain(method, signal, error));
        return { ...response, message };
      } catch (error) {
        scope[Symbol.dispose]();
        throw explain(method, signal, error);
      }
    },
  };
}

interface CallScope extends Disposable {
  readonly signal: AbortSignal;
}

/** Ends a call with the caller's signal or with the connection, whichever comes first. */
function callScope(caller: AbortSignal | undefined, lost: AbortSignal): CallScope {
  const scope = new AbortController();
  const end = () => scope.abort(new RpcError("the call was given up", Code.Canceled));
  const listeners = [onAbort(caller, end), onAbort(lost, end)];
  return {
    signal: scope.signal,
    [Symbol.dispose]: () => {
      for (const listener of listeners) listener[Symbol.dispose]();
    },
  };
}

async function* explained<T>(
  messages: AsyncIterable<T>,
  scope: CallScope,
  explain: (thrown: unknown) => unknown,
): AsyncGenerator<T> {
  try {
    yield* messages;
  } catch (error) {
    throw explain(error);
  } finally {
    scope[Symbol.dispose]();
  }
}
