import { InvalidArgumentError } from "@buildkit-node/core";
import type { Session } from "@buildkit-node/session";
import type { Connection, Link } from "@buildkit-node/transport";
import type { SolveOptions } from "../solve/solve-options.ts";
import type { BuildResults } from "./result-routes.ts";
import { sessionOptionNames } from "./session-options.ts";
import { sessionServices } from "./session-services.ts";

/** A session as one build has it. */
export interface BuildSession {
  readonly id: string;
  /** Aborted, with the error, when the session is lost. */
  readonly lost: AbortSignal;
  /** Whether other builds use it, so that the daemon's calls must say which they are for. */
  readonly isShared: boolean;
  /** What failed on this side, if that is what the daemon's words are about. */
  failureBehind(text: string): unknown;
  /** The build does not need it any longer. */
  close(): Promise<void>;
}

/** What a build's session will be, decided before anything is sent. */
export interface SessionPlan {
  /** The names of the local sources; absent where a service of the caller's own may serve others. */
  readonly locals: ReadonlySet<string> | undefined;
  /** Whether the daemon has something to call back for besides the credentials of registries. */
  readonly needed: boolean;
  /** Whether the session is asked about each source. */
  readonly decides: boolean;
  /**
   * @throws {InvalidArgumentError} for a secret that cannot be had
   * @throws {SshError} for an agent or a key that cannot be used
   */
  open(connection: Connection, signal: AbortSignal): Promise<BuildSession>;
  /** Where the results go, once that is known: the daemon sends none before the build is asked for. */
  receive(results: BuildResults): void;
}

/** @throws {InvalidArgumentError} for a directory that does not exist or cannot be read, and for an option that is the session's */
export function planSession(link: Link, ref: string, options: SolveOptions): SessionPlan {
  if (options.session === undefined) return planOwnSession(ref, options);
  for (const name of sessionOptionNames) {
    if (options[name] === undefined) continue;
    const message = `${name} cannot be given to a build beside session: give ${name} to openSession`;
    throw new InvalidArgumentError(name, options[name], message);
  }
  return options.session.plan(link, ref);
}

function planOwnSession(ref: string, options: SolveOptions): SessionPlan {
  const { exports = [], sessionExporters, cacheFrom = [], cacheTo = [] } = options;
  const { locals, count, routes, open } = sessionServices(options, {
    receives: exports.length > 0,
    chooses: sessionExporters !== undefined,
  });
  return {
    locals,
    needed: count + cacheFrom.length + cacheTo.length > 0,
    decides: options.sourcePolicy !== undefined,
    open: async (connection, signal) => ownSession(await open(connection, signal)),
    receive: (results) => routes.add(ref, results),
  };
}

function ownSession(session: Session): BuildSession {
  return {
    id: session.id,
    lost: session.lost,
    isShared: false,
    failureBehind: () => session.failure,
    close: () => session.close(),
  };
}
