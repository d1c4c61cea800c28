import { BuildkitError, InvalidArgumentError } from "@buildkit-node/core";
import { requireCapability } from "@buildkit-node/gateway";
import type { Session, SessionError } from "@buildkit-node/session";
import type { Link } from "@buildkit-node/transport";
import { capabilitiesOf } from "../capabilities.ts";
import type { Build } from "../solve/build.ts";
import { type CloseOptions, RunningBuilds } from "./running-builds.ts";
import type { SessionOptions } from "./session-options.ts";
import type { SessionPlan } from "./session-plan.ts";
import { type SessionServices, sessionServices } from "./session-services.ts";

export interface OpenSessionOptions extends SessionOptions {
  /** Gives up the opening. An open session is ended by `close`. */
  readonly signal?: AbortSignal;
}

/**
 * A session that several builds use, one after another or at the same time: see `Client.openSession`.
 *
 * It lives on the connection on which it was opened. When that is lost, or the daemon ends it, builds that use it fail with a
 * `SessionError` or a `ConnectionLostError`, and so does every later one: open another.
 */
export class SharedSession implements AsyncDisposable {
  readonly #link: Link;
  readonly #session: Session;
  readonly #services: SessionServices;
  readonly #decides: boolean;
  readonly #builds = new RunningBuilds();

  private constructor(link: Link, session: Session, services: SessionServices, decides: boolean) {
    this.#link = link;
    this.#session = session;
    this.#services = services;
    this.#decides = decides;
  }

  /** @internal what `Client.openSession` does */
  static async open(link: Link, { signal, ...options }: OpenSessionOptions): Promise<SharedSession> {
    const services = sessionServices(options, { receives: true, chooses: true });
    const connection = await link.connection(signal);
    const decides = options.sourcePolicy !== undefined;
    if (decides) {
      const capabilities = await capabilitiesOf(connection, signal);
      requireCapability(capabilities, "source.policy.session", "sourcePolicy");
    }
    return new SharedSession(link, await services.open(connection, signal), services, decides);
  }

  /** The session's name on the daemon. */
  get id(): string {
    return this.#session.id;
  }

  /** Aborted, with the error, when the session is lost. */
  get lost(): AbortSignal {
    return this.#session.lost;
  }

  /** Resolves when the session has ended, with the error if that was not `close`'s doing. Never rejects. */
  get closed(): Promise<SessionError | undefined> {
    return this.#session.closed;
  }

  /** @internal how a build uses it */
  plan(link: Link, ref: string): SessionPlan {
    if (this.#builds.isClosing) throw this.#closedError();
    if (link !== this.#link) {
      const message = `the session was opened by another client than that of ${link.address}`;
      throw new InvalidArgumentError("session", this, message);
    }
    const { routes, locals } = this.#services;
    return {
      locals,
      needed: true,
      decides: this.#decides,
      open: async () => {
        this.lost.throwIfAborted();
        return {
          id: this.id,
          lost: this.lost,
          isShared: true,
          failureBehind: (text) => this.#session.failures.findLast(({ message }) => text.includes(message)),
          close: async () => routes.delete(ref),
        };
      },
      receive: (results) => routes.add(ref, results),
    };
  }

  /** @internal a build that uses it has begun */
  hold(build: Build<unknown>): void {
    this.#builds.add(build);
  }

  /** Ends the session; idempotent. Builds that use it are canceled first, or waited for. */
  close(options: CloseOptions = {}): Promise<void> {
    return this.#builds.close(options, this.#closedError(), () => this.#session.close());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #closedError(): BuildkitError {
    return new BuildkitError("ERR_BUILDKIT_CLOSED", `the session ${this.id} was closed`);
  }
}
