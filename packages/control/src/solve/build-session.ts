import {
  type Attachable,
  authService,
  type ContentStore,
  contentService,
  type ExportSink,
  exporterService,
  fileSend,
  fileSync,
  ociLayoutStore,
  openSession,
  parseSshForward,
  policyService,
  type Session,
  secretsService,
  sshService,
} from "@buildkit-node/session";
import type { Connection } from "@buildkit-node/transport";
import { sharedKeyOf } from "./shared-key.ts";
import type { SolveOptions } from "./solve-options.ts";

/** What a build's session will be, decided before anything is sent. */
export interface SessionPlan {
  /** The names of the local sources; absent where a service of the caller's own may serve others. */
  readonly locals: ReadonlySet<string> | undefined;
  /** Whether the daemon has something to call back for besides the credentials of registries. */
  readonly needed: boolean;
  /**
   * @throws {InvalidArgumentError} for a secret that cannot be had
   * @throws {SshError} for an agent or a key that cannot be used
   */
  open(connection: Connection, signal: AbortSignal): Promise<Session>;
  /** Where the results go, once that is known: the daemon sends none before the build is asked for. */
  receive(exports: {
    readonly sinks: ReadonlyMap<number, ExportSink>;
    /** By their ids. */
    readonly stores: Iterable<readonly [id: string, store: ContentStore]>;
  }): void;
}

/** @throws {InvalidArgumentError} for a directory that does not exist or cannot be read */
export function planSession(options: SolveOptions): SessionPlan {
  const directories = options.locals ?? {};
  const {
    onUnreadable,
    onTransfer,
    exports = [],
    secrets,
    ssh = [],
    auth,
    sourcePolicy,
    sessionExporters,
  } = options;
  const caches = (options.cacheFrom?.length ?? 0) + (options.cacheTo?.length ?? 0);
  const attachables: readonly Attachable[] = [
    ...(options.attachables ?? []),
    ...(sourcePolicy === undefined ? [] : [policyService(sourcePolicy)]),
    ...(sessionExporters === undefined ? [] : [exporterService(sessionExporters)]),
  ];
  const sinks = new Map<number, ExportSink>();
  const stores = new Map(Object.entries(options.layouts ?? {}).map(layoutStore));
  const files: readonly Attachable[] = [
    ...(Object.keys(directories).length > 0
      ? [
          fileSync({
            directories,
            ...(onUnreadable !== undefined && { onUnreadable }),
            ...(onTransfer !== undefined && { onTransfer }),
          }),
        ]
      : []),
    ...(exports.length > 0 ? [fileSend(sinks)] : []),
  ];
  const forwards = ssh.map((one) => (typeof one === "string" ? parseSshForward(one) : one));
  const { sharedKey = sharedKeyOf(directories) } = options;
  return {
    locals: attachables.some(servesFiles) ? undefined : new Set(Object.keys(directories)),
    needed:
      secrets !== undefined || stores.size + files.length + attachables.length + forwards.length + caches > 0,
    open: async (connection, signal) => {
      const content = attachables.find(servesContent);
      const services: readonly Attachable[] = [
        ...files,
        ...attachables.filter((one) => one !== content),
        contentService(stores, content),
        ...(auth === false ? [] : [authService(auth)]),
        ...(secrets === undefined ? [] : [await secretsService({ secrets })]),
        ...(forwards.length === 0 ? [] : [await sshService({ forwards })]),
      ];
      return openSession(connection, { attachables: services, sharedKey, signal });
    },
    receive: (taken) => {
      for (const [place, sink] of taken.sinks) sinks.set(place, sink);
      for (const [id, store] of taken.stores) stores.set(id, store);
    },
  };
}

/** Under the id by which the daemon asks for it. */
function layoutStore([name, layout]: readonly [string, string | ContentStore]): [string, ContentStore] {
  return [`oci:${name}`, typeof layout === "string" ? ociLayoutStore(layout) : layout];
}

function servesContent({ methods }: Attachable): boolean {
  return methods.has("/containerd.services.content.v1.Content/Info");
}

function servesFiles({ methods }: Attachable): boolean {
  return methods.has("/moby.filesync.v1.FileSync/DiffCopy");
}
