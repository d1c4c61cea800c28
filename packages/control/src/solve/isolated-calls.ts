import { type Connection, ConnectionLostError } from "@buildkit-node/transport";
import { RenewedConnection } from "@buildkit-node/transport/internal";
import { answerTooLarge } from "../errors/answer-too-large.ts";

/**
 * Calls whose errors may be too large for headers, for a daemon that does not keep to the limit: such an error breaks the
 * connection that it comes on. They have one of their own, which is made anew after that; streams, on which errors are small,
 * stay on that of everybody.
 */
export class IsolatedCalls implements AsyncDisposable {
  readonly rpc: Connection["rpc"];
  readonly #own: RenewedConnection;

  /** @param separate opens another connection to the daemon */
  constructor(shared: Connection, separate: () => Promise<Connection>) {
    this.#own = new RenewedConnection(separate);
    this.rpc = {
      unary: async (method, ...call) => {
        const { rpc } = await this.#own.get();
        try {
          return await rpc.unary(method, ...call);
        } catch (error) {
          if (!isUnreadable(error)) throw error;
          throw answerTooLarge(`/${method.parent.typeName}/${method.name}`, error);
        }
      },
      stream: (...call) => shared.rpc.stream(...call),
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#own.close();
  }
}

/** Whether a connection was lost because this side could not read what came. */
function isUnreadable(error: unknown): boolean {
  if (!(error instanceof ConnectionLostError)) return false;
  const { cause } = error;
  return cause instanceof Error && "code" in cause && cause.code === "ERR_HTTP2_ERROR";
}
