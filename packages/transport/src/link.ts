import { BuildkitError, InvalidArgumentError, onAbort } from "@buildkit-node/core";
import { type ConnectAttempt, ConnectError } from "./connect-error.ts";
import type { Connection } from "./connection.ts";
import { createDialer, type DialOptions } from "./create-dialer.ts";
import type { Dialer } from "./dialer.ts";
import { candidates } from "./discover.ts";
import { openConnection } from "./http2-connection.ts";
import { parseAddress } from "./parse-address.ts";
import { RenewedConnection } from "./renewed-connection.ts";
import { ownSurroundings } from "./surroundings.ts";

/** How to connect. A dialer in place of an address takes nothing of what concerns addresses. */
export interface LinkOptions extends DialOptions {
  /** How long dialing and the first answer may take for each address, in milliseconds. Default: 10,000. */
  readonly connectTimeoutMs?: number;
  /** Ends the attempt to connect; the link itself lives on. */
  readonly signal?: AbortSignal;
}

/** The way to one daemon, and the connection to it that everybody shares. */
export class Link implements AsyncDisposable {
  readonly #dialer: Dialer;
  /** Where the address came from; absent when the caller gave it. */
  readonly origin: string | undefined;
  readonly #connectTimeoutMs: number;
  readonly #closed = new AbortController();
  readonly #shared: RenewedConnection;

  private constructor(way: Way, connection: Connection, connectTimeoutMs: number) {
    this.#dialer = way.dialer;
    this.origin = way.origin;
    this.#connectTimeoutMs = connectTimeoutMs;
    this.#shared = new RenewedConnection(() => this.#redial(), connection);
  }

  /**
   * Finds the daemon and connects to it. Without an address it reads the environment: `BUILDKIT_HOST`, else
   * buildkitd's socket, the rootless one in `XDG_RUNTIME_DIR`, and the Docker Engine that the `docker` command would
   * use, in this order.
   *
   * @throws {AddressError} {@link ConnectError} or the signal's reason
   */
  static async open(address?: string | Dialer, options: LinkOptions = {}): Promise<Link> {
    const { connectTimeoutMs = 10_000, signal } = options;
    if (!(connectTimeoutMs > 0)) {
      throw new InvalidArgumentError(
        "connectTimeoutMs",
        connectTimeoutMs,
        "connectTimeoutMs must be above 0",
      );
    }
    const attempts: ConnectAttempt[] = [];
    const causes: unknown[] = [];
    for (const find of ways(address, options)) {
      try {
        const way = await find();
        return new Link(way, await dial(way, connectTimeoutMs, signal), connectTimeoutMs);
      } catch (error) {
        if (!(error instanceof ConnectError)) throw error;
        attempts.push(...error.attempts);
        causes.push(error.cause);
      }
    }
    throw new ConnectError(attempts, { cause: causes.length === 1 ? causes[0] : new AggregateError(causes) });
  }

  /** The daemon's address. */
  get address(): string {
    return this.#dialer.address;
  }

  /** The connection, dialed anew when the last one can no longer be used. */
  async connection(signal?: AbortSignal): Promise<Connection> {
    this.#closed.signal.throwIfAborted();
    return this.#shared.get(signal);
  }

  /** Ends the connection and every call on it; idempotent. */
  async close(): Promise<void> {
    this.#closed.abort(new BuildkitError("ERR_BUILDKIT_CLOSED", `the client of ${this.address} was closed`));
    await this.#shared.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #redial(): Promise<Connection> {
    return dial({ dialer: this.#dialer, origin: this.origin }, this.#connectTimeoutMs, this.#closed.signal);
  }
}

interface Way {
  readonly dialer: Dialer;
  readonly origin: string | undefined;
}

/** The ways to try, each found out when its turn comes. */
function ways(address: string | Dialer | undefined, options: DialOptions): readonly (() => Promise<Way>)[] {
  if (address === undefined) {
    const found = candidates(options.surroundings ?? ownSurroundings());
    return found.map((one) => async () => {
      const dialer = await createDialer(one.address, options);
      return { dialer, origin: dialer.origin ?? one.origin };
    });
  }
  return [
    async () => {
      const dialer =
        typeof address === "string" ? await createDialer(parseAddress(address), options) : address;
      return { dialer, origin: dialer.origin };
    },
  ];
}

/** Opens a connection within the time; what fails says where the address came from. */
async function dial(way: Way, timeoutMs: number, signal: AbortSignal | undefined): Promise<Connection> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(timedOut(way.dialer.address, timeoutMs)), timeoutMs);
  const forwarding = onAbort(signal, (reason) => limit.abort(reason));
  try {
    return await openConnection(way.dialer, { signal: limit.signal });
  } catch (error) {
    if (!(error instanceof ConnectError) || way.origin === undefined) throw error;
    throw error.withOrigin(way.origin);
  } finally {
    clearTimeout(timer);
    forwarding[Symbol.dispose]();
  }
}

function timedOut(address: string, timeoutMs: number): ConnectError {
  return new ConnectError([
    {
      address,
      failure: "timeout",
      problem: `no answer within ${timeoutMs} ms`,
      advice: "check that a BuildKit daemon listens there, or raise connectTimeoutMs",
    },
  ]);
}
