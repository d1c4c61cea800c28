import type {
  Attachable,
  AuthOptions,
  ContentStore,
  OnUnreadable,
  SecretsOptions,
  SourcePolicy,
  SshForward,
  TransferReport,
  VirtualDirectory,
} from "@buildkit-node/session";

/** A directory that builds read: the path of one of this machine, or one that is not on disk. */
export type LocalSource = string | VirtualDirectory;

/** What a session offers to the daemon while it builds. */
export interface SessionOptions {
  /** Directories that the graph or the frontend reads, by the name of the local source. */
  readonly locals?: Readonly<Record<string, LocalSource>>;
  /**
   * OCI layouts that the graph or the frontend reads, by the name of the store, as in `llb.ociLayout(ref, { store })`: a
   * directory, or a store of the caller's own (BuildKit 0.11).
   */
  readonly layouts?: Readonly<Record<string, string | ContentStore>>;
  /** What becomes of a file of `locals` that cannot be read once the daemon asks for it. Default: "error". */
  readonly onUnreadable?: OnUnreadable;
  /**
   * Told of each transfer of one of `locals`, once the daemon has all of it: how much it was, how much of that was sent, and
   * which paths are the largest.
   */
  readonly onTransfer?: (report: TransferReport) => void;
  /** Secrets by the ids under which steps mount them. */
  readonly secrets?: SecretsOptions["secrets"];
  /** SSH agents and keys that steps may use: `default`, `id=socket`, `id=key,key`, or in parts. */
  readonly ssh?: readonly (string | SshForward)[];
  /**
   * Where registry credentials come from; false for none. Default: the configuration of the `docker` command, its
   * credential helpers among it, which is read when the daemon asks.
   */
  readonly auth?: AuthOptions | false;
  /** Other services that the session offers to the daemon. */
  readonly attachables?: readonly Attachable[];
  /** Decides about each source when the daemon comes to it (capability `source.policy.session`, BuildKit 0.26). */
  readonly sourcePolicy?: SourcePolicy;
  /**
   * Under what the daemon keeps what it was sent of `locals`, to ask next time only for files whose name, size or time
   * have changed. Directories that are not the same need keys that are not the same. Default: made of the machine and the
   * paths of all of `locals`: where another directory joins them, all are sent anew once.
   */
  readonly sharedKey?: string;
}

/** The names of all of them. */
export const sessionOptionNames: readonly (keyof SessionOptions)[] = Object.keys({
  locals: true,
  layouts: true,
  onUnreadable: true,
  onTransfer: true,
  secrets: true,
  ssh: true,
  auth: true,
  attachables: true,
  sourcePolicy: true,
  sharedKey: true,
} satisfies Record<keyof SessionOptions, true>) as (keyof SessionOptions)[];
