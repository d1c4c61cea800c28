/** A BuildKit that can be connected to. */
export interface Daemon extends AsyncDisposable {
  /** Its address, as `connect()` takes it: `unix://…`, `tcp://…`, or `docker://…` for the BuildKit of an engine. */
  readonly address: string;
  /**
   * `given` by `BUILDKIT_HOST`, `found` running on the machine, or `started` for the caller alone. Only a daemon that
   * was started may be pruned or killed.
   */
  readonly origin: "given" | "found" | "started";
  /** Stops a daemon that was started and removes what it left; leaves any other alone. Idempotent. */
  close(): Promise<void>;
}

/** A daemon that belongs to the caller. It does not outlive this process, however the process ends. */
export interface PrivateDaemon extends Daemon {
  readonly origin: "started";
  readonly program: "buildkitd" | "dockerd";
  /** Everything that the daemon has, but for a data root that the caller chose. Removed on close. */
  readonly directory: string;
  /** What the daemon prints. */
  readonly logFile: string;
  /** Resolves with the daemon's exit code (128 and the signal's number when one ended it) once nothing of it is left. */
  readonly exited: Promise<number>;
  /** Sends a signal to the daemon itself: to see how a client takes the death of its daemon, or its silence. */
  signal(name: "KILL" | "TERM" | "STOP" | "CONT"): void;
}

/** What every private daemon can be told. */
export interface PrivateDaemonOptions {
  /** Folders to search for programs before those of `PATH`. */
  readonly programFolders?: readonly string[];
  /** Variables to set in the daemon's environment, which is this process's otherwise. */
  readonly env?: Readonly<Record<string, string>>;
  /** Where the daemon's directory is made. Default: the system's folder for temporary files. */
  readonly parentDirectory?: string;
  /**
   * Where the daemon keeps its data: a folder that is made if missing, stays on close, and serves one daemon at a
   * time; or `tmpfs` for memory. Default: in the daemon's directory.
   */
  readonly dataRoot?: { readonly folder: string } | "tmpfs";
  readonly registries?: RegistryOptions;
  /** What builds may ask for. Default: both. */
  readonly entitlements?: readonly Entitlement[];
  /** How long the daemon may take until it answers. Default: 60,000. */
  readonly startTimeoutMs?: number;
  /** How long the daemon may take to stop before it is killed. Default: 10,000. */
  readonly stopTimeoutMs?: number;
  /** Gives up the start. */
  readonly signal?: AbortSignal;
}

export interface RegistryOptions {
  /** Hosts, with port, that are spoken to over plain HTTP or with certificates that nobody vouches for. */
  readonly insecure?: readonly string[];
  /** URLs of mirrors of Docker Hub. */
  readonly mirrors?: readonly string[];
}

export type Entitlement = "network.host" | "security.insecure";
