import { abortable, BuildkitError, InvalidArgumentError, within } from "@buildkit-node/core";
import {
  CallError,
  type CallHandler,
  type Connection,
  type MetadataPairs,
  StatusCode,
} from "@buildkit-node/transport";
import {
  type GrpcServer,
  type GrpcStatus,
  MessageDuplex,
  randomId,
  StreamLostError,
  serveGrpc,
} from "@buildkit-node/transport/internal";
import type { Attachable } from "./attachable.ts";
import { Health } from "./health.ts";
import { SessionError } from "./session-error.ts";
import { StallMonitor } from "./stall-monitor.ts";

export interface OpenSessionOptions {
  /** What the daemon may call. No two of them may have a method in common. */
  readonly attachables: readonly Attachable[];
  /**
   * Names the directories that are synchronised: a daemon reuses what it has from an earlier session with the same key, and
   * compares only names, sizes and times. Different directories need different keys. Empty by default.
   */
  readonly sharedKey?: string;
  /** Unique on the daemon; random by default. */
  readonly id?: string;
  /** Gives up the opening. An open session is ended by `close`. */
  readonly signal?: AbortSignal;
}

/**
 * Where a session is in its life:
 *
 *     open --close()--> closing --> closed
 *       \--the daemon or the connection ended it--> lost
 */
export type SessionState = "open" | "closing" | "closed" | "lost";

/** A pipe through which a daemon calls the services of its client: files, secrets, results. */
export interface Session extends AsyncDisposable {
  readonly id: string;
  readonly state: SessionState;
  /** Resolves when the session has ended, with the error if that was not `close`'s doing. Never rejects. */
  readonly closed: Promise<SessionError | undefined>;
  /** Aborted, with the error, when the session is lost. */
  readonly lost: AbortSignal;
  /**
   * The first failure of a service here that was not an answer to the daemon, such as a file that cannot be read. It is
   * what lies behind a build's failure that the daemon reports in words of its own.
   */
  readonly failure: unknown;
  /** The latest of such failures, the newest last: in a session of several builds each has its own. */
  readonly failures: readonly BuildkitError[];
  /** Ends the session after the calls that still run, or gives them up after ten seconds. Idempotent. */
  close(): Promise<void>;
}

const sessionPath = "/moby.buildkit.v1.Control/Session";

/** How long `close` waits for the daemon's calls, and then for the daemon's goodbye. */
const closeMs = { calls: 8000, goodbye: 2000 } as const;

/** Opens a session and waits until the daemon knows it, so that a build may refer to it at once. */
export async function openSession(connection: Connection, options: OpenSessionOptions): Promise<Session> {
  const id = options.id ?? randomId();
  const health = new Health();
  const handlers = mergeHandlers([health, ...options.attachables]);
  options.signal?.throwIfAborted();
  const metadata = sessionMetadata(id, options.sharedKey ?? "", [...handlers.keys()]);
  const pipe = new MessageDuplex((receiver) => connection.openStream(sessionPath, metadata, receiver));
  const session = new TunnelSession({ id, pipe, handlers, health });
  try {
    await abortable(session.ready(), options.signal);
  } catch (error) {
    session.abandon();
    throw connection.lost.aborted ? connection.lost.reason : error;
  }
  return session;
}

function mergeHandlers(attachables: readonly Attachable[]): Map<string, CallHandler> {
  const handlers = new Map<string, CallHandler>();
  for (const [path, handler] of attachables.flatMap(({ methods }) => [...methods])) {
    if (handlers.has(path)) {
      throw new InvalidArgumentError(
        "attachables",
        path,
        `two services of the session serve ${path}; give only one of them`,
      );
    }
    handlers.set(path, handler);
  }
  return handlers;
}

/** One header line for each method: a daemon does not split a joined one. */
function sessionMetadata(id: string, sharedKey: string, methods: readonly string[]): MetadataPairs {
  return [
    ["x-docker-expose-session-uuid", id],
    ["x-docker-expose-session-sharedkey", sharedKey],
    ...methods.map((method) => ["x-docker-expose-session-grpc-method", method] as const),
  ];
}

class TunnelSession implements Session {
  readonly id: string;
  readonly closed: Promise<SessionError | undefined>;
  readonly #pipe: MessageDuplex;
  readonly #server: GrpcServer;
  readonly #health: Health;
  readonly #stalls = new StallMonitor();
  readonly #lost = new AbortController();
  #state: SessionState = "open";
  #failure: BuildkitError | undefined;
  #failures: readonly BuildkitError[] = [];
  #closing: Promise<void> | undefined;

  constructor(options: {
    readonly id: string;
    readonly pipe: MessageDuplex;
    readonly handlers: ReadonlyMap<string, CallHandler>;
    readonly health: Health;
  }) {
    this.id = options.id;
    this.#pipe = options.pipe;
    this.#health = options.health;
    // The pipe's own end says what is wrong; without a listener its error would end the process.
    this.#pipe.on("error", () => {});
    this.#server = serveGrpc(this.#pipe, {
      handlers: options.handlers,
      onCallError: (error) => this.#noteFailure(error),
    });
    this.closed = this.#end();
  }

  get state(): SessionState {
    return this.#state;
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  get failure(): unknown {
    return this.#failure;
  }

  get failures(): readonly BuildkitError[] {
    return this.#failures;
  }

  /** Resolves when the daemon has taken the session on. */
  async ready(): Promise<void> {
    try {
      await this.#pipe.response.started;
    } catch (cause) {
      throw (
        (await this.closed) ?? new SessionError(this.id, "the daemon did not open the session", { cause })
      );
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Drops everything at once. */
  abandon(): void {
    this.#state = "closing";
    this.#server.destroy();
    this.#pipe.destroy();
  }

  async #close(): Promise<void> {
    if (this.#state === "open") this.#state = "closing";
    await within(this.#server.idle(), closeMs.calls);
    // No GOAWAY: after one a daemon never calls again, not even for a build that shares the session.
    this.#server.destroy();
    this.#pipe.end();
    await within(this.#pipe.response.status, closeMs.goodbye);
    this.#pipe.destroy();
    await this.closed;
  }

  async #end(): Promise<SessionError | undefined> {
    const status = await this.#pipe.response.status;
    const error = this.#state === "open" ? this.#explainEnd(status) : undefined;
    this.#stalls[Symbol.dispose]();
    this.#state = error === undefined ? "closed" : "lost";
    this.#server.destroy(error);
    this.#pipe.destroy();
    if (error !== undefined) this.#lost.abort(error);
    return error;
  }

  /** A daemon that drops a session says nothing: the call ends as if all were well. */
  #explainEnd(status: GrpcStatus): SessionError {
    const longestStallMs = Math.round(this.#stalls.longestMs);
    const silentMs = this.#health.sinceLastCheckMs;
    if (status.code !== StatusCode.ok) {
      const message = `the session ${this.id} was lost: ${status.message || `status ${status.code}`}`;
      return new SessionError(this.id, message, { longestStallMs });
    }
    const reason =
      longestStallMs >= blockedMs
        ? `the event loop was blocked for ${(longestStallMs / 1000).toFixed(0)} s, so health checks were not answered in time; ` +
          "move long computations to a worker thread"
        : `it may be shutting down, or have missed the answers to its health checks (the last one came ${
            silentMs === undefined ? "never" : `${(silentMs / 1000).toFixed(0)} s before`
          })`;
    return new SessionError(this.id, `the daemon ended the session ${this.id} during its use: ${reason}`, {
      longestStallMs,
    });
  }

  #noteFailure(error: unknown): void {
    if (error instanceof CallError || error instanceof StreamLostError) return;
    const failure = BuildkitError.is(error)
      ? error
      : new BuildkitError("ERR_BUILDKIT_SESSION", String(error), { cause: error });
    this.#failure ??= failure;
    this.#failures = [...this.#failures, failure].slice(-keptFailures);
  }
}

/** A stall that makes a health check late. */
const blockedMs = 4000;

const keptFailures = 32;
