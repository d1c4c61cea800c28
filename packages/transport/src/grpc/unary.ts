import {
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import type { CallHandler } from "./grpc-server.ts";
import type { Metadata } from "./metadata.ts";
import { CallError, StatusCode } from "./status.ts";

/** What a unary handler may want to know besides the request. */
export interface UnaryContext {
  readonly metadata: Metadata;
  readonly signal: AbortSignal;
}

/** A handler of a method with one request and one response, to be spread into the map that `serveGrpc` takes. */
export function unary<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  answer: (request: MessageShape<I>, context: UnaryContext) => Promise<MessageShape<O>> | MessageShape<O>,
): [path: string, handler: CallHandler] {
  const handler: CallHandler = async (call) => {
    let request: Buffer | undefined;
    await call.read((message) => {
      request ??= message;
    });
    if (request === undefined)
      throw new CallError(StatusCode.invalidArgument, `${call.path} came without a request`);
    const response = await answer(fromBinary(method.input, request), call);
    call.send(toBinary(method.output, response));
  };
  return [methodPath(method), handler];
}

/** `/service/Method`. */
export function methodPath(method: {
  readonly name: string;
  readonly parent: { readonly typeName: string };
}): string {
  return `/${method.parent.typeName}/${method.name}`;
}
