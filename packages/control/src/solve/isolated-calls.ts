import { type Connection, ConnectionLostError } from "@buildkit-node/transport";
import { answerTooLarge } from "../errors/answer-too-large.ts";

/**
 * Calls whose errors may be too large for headers, for a daemon that does not keep to the limit: such an error breaks the
 * connection that it comes on. They have one of their own, which is made anew after that; streams, on which errors are small,
 * stay on that of everybody.
 */
export class IsolatedCalls implements AsyncDisposable {
  readonly rpc: Connection["rpc"];
  readonly #separate: () => Promise<Connection>;
  #current: Promise<Connection> | undefined;

  /** @param separate opens another connection to the daemon */
  constructor(shared: Connection, separate: () => Promise<Connection>) {
    this.#separate = separate;
    this.rpc = {
      unary: async (method, ...call) => {
        const { rpc } = await this.#connection();
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

  async [Symbol.asyncDispose](): Promise<void> {
    const connection = await this.#current?.catch(() => undefined);
    await connection?.close();
  }

  async #connection(): Promise<Connection> {
    const last = this.#current;
    const connection = await last?.catch(() => undefined);
    if (connection?.usable === true) return connection;
    // Another call may have dialed meanwhile.
    if (this.#current === undefined || this.#current === last) this.#current = this.#separate();
    return this.#current;
  }
}

/** Whether a connection was lost because this side could not read what came. */
function isUnreadable(error: unknown): boolean {
  if (!(error instanceof ConnectionLostError)) return false;
  const { cause } = error;
  return cause instanceof Error && "code" in cause && cause.code === "ERR_HTTP2_ERROR";
}
