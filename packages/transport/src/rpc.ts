import type {
  DescMessage,
  DescMethodStreaming,
  DescMethodUnary,
  DescService,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";

/** How a call is made. */
export interface RpcOptions {
  /** Request metadata besides what gRPC itself needs. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Gives the call up, which then fails with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Told the metadata with which the answer begins; names are in lower case. */
  readonly onHeader?: (header: (name: string) => string | undefined) => void;
}

/**
 * Makes calls of any service. They fail with a `StatusError`, a `ConnectionLostError`, an `InvalidArgumentError` for a
 * message that is too large to be sent, or the reason of the signal that ended them.
 */
export interface Rpc {
  /** One request, one answer. */
  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    options?: RpcOptions,
  ): Promise<MessageShape<O>>;
  /** The call begins with the loop over its answers, and leaving the loop gives it up. */
  stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodStreaming<I, O>,
    requests: AsyncIterable<MessageInitShape<I>>,
    options?: RpcOptions,
  ): AsyncIterable<MessageShape<O>>;
}

/** The methods of a service as functions. */
export type RpcClient<Service extends DescService> = {
  readonly [Name in keyof Service["method"]]: RpcFunction<Service["method"][Name]>;
};

type RpcFunction<Method> = Method extends {
  readonly methodKind: infer Kind;
  readonly input: infer I extends DescMessage;
  readonly output: infer O extends DescMessage;
}
  ? Kind extends "unary"
    ? (request: MessageInitShape<I>, options?: RpcOptions) => Promise<MessageShape<O>>
    : Kind extends "server_streaming"
      ? (request: MessageInitShape<I>, options?: RpcOptions) => AsyncIterable<MessageShape<O>>
      : (requests: AsyncIterable<MessageInitShape<I>>, options?: RpcOptions) => AsyncIterable<MessageShape<O>>
  : never;

/** A service's methods, each under its name with a small first letter. */
export function createClient<Service extends DescService>(service: Service, rpc: Rpc): RpcClient<Service> {
  const functions = service.methods.map((method) => [method.localName, functionOf(method, rpc)] as const);
  return Object.fromEntries(functions) as RpcClient<Service>;
}

function functionOf(method: DescService["methods"][number], rpc: Rpc): unknown {
  switch (method.methodKind) {
    case "unary":
      return (request: Record<string, unknown>, options?: RpcOptions) =>
        rpc.unary(method as DescMethodUnary, request, options);
    case "server_streaming":
      return (request: Record<string, unknown>, options?: RpcOptions) =>
        rpc.stream(method as DescMethodStreaming, only(request), options);
    case "client_streaming":
    case "bidi_streaming":
      return (requests: AsyncIterable<Record<string, unknown>>, options?: RpcOptions) =>
        rpc.stream(method as DescMethodStreaming, requests, options);
  }
}

async function* only<T>(request: T): AsyncGenerator<T, void, undefined> {
  yield request;
}
