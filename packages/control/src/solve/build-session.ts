import {
  type Attachable,
  type ExportSink,
  fileSend,
  fileSync,
  openSession,
  type Session,
} from "@buildkit-node/session";
import type { Connection } from "@buildkit-node/transport";
import { sharedKeyOf } from "./shared-key.ts";
import type { SolveOptions } from "./solve-options.ts";

/** What a build's session will be, decided before anything is sent. */
export interface SessionPlan {
  /** The names of the local sources; absent where a service of the caller's own may serve others. */
  readonly locals: ReadonlySet<string> | undefined;
  /** Opens the session. `undefined` for a build that the daemon need not call back for. */
  open(connection: Connection, signal: AbortSignal): Promise<Session | undefined>;
  /** Where the results go, once that is known: the daemon sends none before the build is asked for. */
  receive(sinks: ReadonlyMap<number, ExportSink>): void;
}

/** @throws {InvalidArgumentError} for a directory that does not exist or cannot be read */
export function planSession(options: SolveOptions): SessionPlan {
  const directories = options.locals ?? {};
  const { attachables = [], onUnreadable, exports = [] } = options;
  const sinks = new Map<number, ExportSink>();
  const services: readonly Attachable[] = [
    ...attachables,
    ...(Object.keys(directories).length > 0
      ? [fileSync({ directories, ...(onUnreadable !== undefined && { onUnreadable }) })]
      : []),
    ...(exports.length > 0 ? [fileSend(sinks)] : []),
  ];
  const { sharedKey = sharedKeyOf(directories) } = options;
  const servesFiles = attachables.some(({ methods }) => methods.has("/moby.filesync.v1.FileSync/DiffCopy"));
  return {
    locals: servesFiles ? undefined : new Set(Object.keys(directories)),
    open: async (connection, signal) =>
      services.length === 0
        ? undefined
        : openSession(connection, { attachables: services, sharedKey, signal }),
    receive: (taken) => {
      for (const [place, sink] of taken) sinks.set(place, sink);
    },
  };
}
