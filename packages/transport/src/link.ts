import { abortable, BuildkitError, InvalidArgumentError, onAbort } from "@buildkit-node/core";
import type { Address } from "./address.ts";
import { type ConnectAttempt, ConnectError } from "./connect-error.ts";
import type { Connection } from "./connection.ts";
import { createDialer } from "./create-dialer.ts";
import type { Dialer } from "./dialer.ts";
import { candidates, resolveAddress, type Surroundings } from "./discover.ts";
import { openConnection } from "./http2-connection.ts";
import { parseAddress } from "./parse-address.ts";
import { readTlsMaterial, type TlsMaterial, type TlsOptions } from "./tls-options.ts";

export interface LinkOptions {
  /** How long dialing and the first answer may take for each address, in milliseconds. Default: 10,000. */
  readonly connectTimeoutMs?: number;
  /** Ends the attempt to connect; the link itself lives on. */
  readonly signal?: AbortSignal;
  /** Secures a TCP address; TLS is spoken where this is given. */
  readonly tls?: TlsOptions;
  /** What discovery looks at. Default: this process's environment and platform. */
  readonly surroundings?: Surroundings;
}

/**
 * The way to one daemon. It holds one connection that everybody shares; after that one is lost, the next who asks
 * makes it dial again.
 */
export class Link implements AsyncDisposable {
  readonly #dialer: Dialer;
  /** Where the address came from; absent when the caller gave it. */
  readonly origin: string | undefined;
  readonly #connectTimeoutMs: number;
  readonly #closed = new AbortController();
  #current: Promise<Connection>;

  private constructor(way: Way, connection: Connection, connectTimeoutMs: number) {
    this.#dialer = way.dialer;
    this.origin = way.origin;
    this.#connectTimeoutMs = connectTimeoutMs;
    this.#current = Promise.resolve(connection);
  }

  /**
   * Finds the daemon and connects to it. Without an address it reads the environment: `BUILDKIT_HOST`, else
   * buildkitd's socket, the rootless one in `XDG_RUNTIME_DIR`, and the Docker Engine (`DOCKER_HOST`), in this order.
   *
   * @throws {AddressError} {@link ConnectError} or the signal's reason
   */
  static async open(address?: string | Dialer, options: LinkOptions = {}): Promise<Link> {
    const { connectTimeoutMs = 10_000, signal, tls } = options;
    if (!(connectTimeoutMs > 0)) {
      throw new InvalidArgumentError(
        "connectTimeoutMs",
        connectTimeoutMs,
        "connectTimeoutMs must be above 0",
      );
    }
    const around = options.surroundings ?? { env: process.env, platform: process.platform };
    const attempts: ConnectAttempt[] = [];
    const causes: unknown[] = [];
    for (const way of await ways(address, tls, around)) {
      try {
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
    const last = this.#current;
    const connection = await last.catch(() => undefined);
    if (connection?.usable === true) return connection;
    // Somebody else may have dialed meanwhile.
    if (this.#current === last) this.#current = this.#redial();
    return abortable(this.#current, signal);
  }

  /** Ends the connection and every call on it; idempotent. */
  async close(): Promise<void> {
    this.#closed.abort(new BuildkitError("ERR_BUILDKIT_CLOSED", `the client of ${this.address} was closed`));
    const connection = await this.#current.catch(() => undefined);
    await connection?.close();
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

async function ways(
  address: string | Dialer | undefined,
  tls: TlsOptions | undefined,
  around: Surroundings,
): Promise<readonly Way[]> {
  if (address !== undefined && typeof address !== "string") return [{ dialer: address, origin: undefined }];
  const given = tls === undefined ? undefined : await readTlsMaterial(tls);
  if (address === undefined) return (await candidates(around)).map((one) => wayTo(one, given));
  return [wayTo(await resolveAddress(parseAddress(address), around), given)];
}

interface Endpoint {
  readonly address: Address;
  readonly tls?: TlsMaterial;
  readonly origin?: string;
}

function wayTo({ address, tls, origin }: Endpoint, given: TlsMaterial | undefined): Way {
  return { dialer: createDialer(address, given ?? tls), origin };
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
