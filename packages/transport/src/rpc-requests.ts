import {
  create,
  type DescMessage,
  type DescMethod,
  type MessageInitShape,
  toBinary,
} from "@bufbuild/protobuf";
import type { ClientCall } from "./grpc/client-call.ts";
import { frameMessage } from "./grpc/frame-message.ts";
import { maxMessageBytes } from "./grpc/message-decoder.ts";
import { StatusCode } from "./grpc/status.ts";
import { methodPath } from "./grpc/unary.ts";
import { statusError } from "./status-error.ts";

/** A method with its input's type. */
type MethodOf<I extends DescMessage> = DescMethod & { readonly input: I };

/** A request as it is sent. */
export function encodeRequest<I extends DescMessage>(
  method: MethodOf<I>,
  message: MessageInitShape<I>,
): Buffer {
  const bytes = toBinary(method.input, create(method.input, message));
  if (bytes.length <= maxMessageBytes) return frameMessage(bytes);
  throw statusError(methodPath(method), {
    code: StatusCode.resourceExhausted,
    message: `the request has ${bytes.length} bytes, and BuildKit takes messages of ${maxMessageBytes} at most`,
  });
}

/** The one request of a method that takes one, from where connect has put it. */
export async function onlyRequest<I extends DescMessage>(
  method: MethodOf<I>,
  messages: AsyncIterable<MessageInitShape<I>>,
): Promise<Buffer> {
  for await (const message of messages) return encodeRequest(method, message);
  throw statusError(methodPath(method), { code: StatusCode.invalidArgument, message: "there is no request" });
}

/** The requests that a caller gives one by one. */
export class Requests<I extends DescMessage> {
  readonly #method: MethodOf<I>;
  readonly #messages: AsyncIterator<MessageInitShape<I>>;
  #goOn: () => void = () => {};

  constructor(method: MethodOf<I>, messages: AsyncIterable<MessageInitShape<I>>) {
    this.#method = method;
    this.#messages = messages[Symbol.asyncIterator]();
  }

  /** Sends them as they come, as far as there is room, and then ends our side of the call. Rejects with what they throw. */
  async sendOn(call: ClientCall): Promise<void> {
    while (!call.closed) {
      const next = await this.#messages.next();
      if (next.done === true) break;
      const hasRoom = call.send(encodeRequest(this.#method, next.value));
      if (!hasRoom) await new Promise<void>((resolve) => (this.#goOn = resolve));
    }
    call.endSending();
  }

  /** There is room again. */
  drained(): void {
    this.#goOn();
  }

  /** Tells where they come from that nobody takes any more. */
  stop(): void {
    void (async () => this.#messages.return?.())().catch(() => {});
  }
}
