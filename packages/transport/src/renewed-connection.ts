import { abortable } from "@buildkit-node/core";
import type { Connection } from "./connection.ts";

/** One connection that everybody shares; once it can no longer be used, the next who asks makes it dial again. */
export class RenewedConnection {
  readonly #dial: () => Promise<Connection>;
  #current: Promise<Connection>;

  constructor(dial: () => Promise<Connection>, first: Connection) {
    this.#dial = dial;
    this.#current = Promise.resolve(first);
  }

  async get(signal?: AbortSignal): Promise<Connection> {
    const last = this.#current;
    const connection = await last.catch(() => undefined);
    if (connection?.usable === true) return connection;
    // Somebody else may have dialed meanwhile.
    if (this.#current === last) this.#current = this.#dial();
    return abortable(this.#current, signal);
  }

  async close(): Promise<void> {
    const connection = await this.#current.catch(() => undefined);
    await connection?.close();
  }
}
