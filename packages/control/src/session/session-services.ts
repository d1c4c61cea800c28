import {
  type Attachable,
  authService,
  type ContentStore,
  contentService,
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
import { sharedKeyOf } from "../solve/shared-key.ts";
import { ResultRoutes } from "./result-routes.ts";
import type { SessionOptions } from "./session-options.ts";

/** What a session will offer, checked before anything is sent. */
export interface SessionServices {
  /** The names of the local sources; absent where a service of the caller's own may serve others. */
  readonly locals: ReadonlySet<string> | undefined;
  /** How many of its services serve more than the credentials of registries. */
  readonly count: number;
  /** Where the results of its builds go. */
  readonly routes: ResultRoutes;
  /**
   * @throws {InvalidArgumentError} for a secret that cannot be had
   * @throws {SshError} for an agent or a key that cannot be used
   */
  open(connection: Connection, signal: AbortSignal | undefined): Promise<Session>;
}

/** What one build adds to its session. */
export interface BuildServices {
  /** Whether the daemon may have results to send. */
  readonly receives: boolean;
  /** Whether exporters may be chosen when the result is known. */
  readonly chooses: boolean;
}

/** @throws {InvalidArgumentError} for a directory that does not exist or cannot be read */
export function sessionServices(options: SessionOptions, build: BuildServices): SessionServices {
  const { locals = {}, secrets, ssh = [], auth, sourcePolicy } = options;
  const routes = new ResultRoutes();
  const layouts = new Map(Object.entries(options.layouts ?? {}).map(layoutStore));
  const attachables: readonly Attachable[] = [
    ...(options.attachables ?? []),
    ...(sourcePolicy === undefined ? [] : [policyService(sourcePolicy)]),
    ...(build.chooses ? [exporterService((metadata) => routes.chooser(metadata))] : []),
  ];
  const files: readonly Attachable[] = [
    ...localFiles(options),
    ...(build.receives ? [fileSend(({ metadata }) => routes.sinks(metadata))] : []),
  ];
  const callersContent = attachables.find(servesContent);
  const forwards = ssh.map((one) => (typeof one === "string" ? parseSshForward(one) : one));
  return {
    locals: attachables.some(servesFiles) ? undefined : new Set(Object.keys(locals)),
    count:
      (secrets === undefined ? 0 : 1) + layouts.size + files.length + attachables.length + forwards.length,
    routes,
    open: async (connection, signal) => {
      const { sharedKey = sharedKeyOf(locals) } = options;
      const content = contentService(
        (id, metadata) => layouts.get(id) ?? routes.store(id, metadata),
        callersContent,
      );
      const services: readonly Attachable[] = [
        ...files,
        ...attachables.filter((one) => one !== callersContent),
        content,
        ...(auth === false ? [] : [authService(auth)]),
        ...(secrets === undefined ? [] : [await secretsService({ secrets })]),
        ...(forwards.length === 0 ? [] : [await sshService({ forwards })]),
      ];
      return openSession(connection, { attachables: services, sharedKey, ...(signal && { signal }) });
    },
  };
}

function localFiles({ locals = {}, onUnreadable, onTransfer }: SessionOptions): readonly Attachable[] {
  if (Object.keys(locals).length === 0) return [];
  const told = {
    ...(onUnreadable !== undefined && { onUnreadable }),
    ...(onTransfer !== undefined && { onTransfer }),
  };
  return [fileSync({ directories: locals, ...told })];
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
