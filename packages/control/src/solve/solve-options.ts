import type { ProgressDisplay } from "@buildkit-node/core";
import type { Exporter } from "@buildkit-node/exporters";
import type { PlatformOption } from "@buildkit-node/llb";
import type {
  Attachable,
  AuthOptions,
  ContentStore,
  OnUnreadable,
  SecretsOptions,
  SessionExporters,
  SourcePolicy,
  SshForward,
  TransferReport,
  VirtualDirectory,
} from "@buildkit-node/session";
import type { CacheExport, CacheImport } from "../cache/cache-options.ts";
import type { SourceRule } from "./source-rule.ts";

/** A directory that builds read: the path of one of this machine, or one that is not on disk. */
export type LocalSource = string | VirtualDirectory;

/** Where builds bring their results. */
export type Exporters = readonly Exporter<unknown>[];

/** What a build is given besides its graph. */
export interface SolveOptions<E extends Exporters = Exporters> {
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
  /** Where the result goes. More than one needs the capability `exporter.multiple` (BuildKit 0.13). */
  readonly exports?: E;
  /** The platform of a graph's steps that name none. Default: the daemon's own. */
  readonly platform?: PlatformOption;
  /** Who draws or records the build's progress. */
  readonly progress?: ProgressDisplay;
  /** What the caller calls the build, for the progress display. */
  readonly name?: string;
  /** Cancels the build: the promise rejects with the signal's reason within a second. */
  readonly signal?: AbortSignal;
  /** The build's reference; must be unique among those that run. Default: a new random one. */
  readonly ref?: string;
  /** Options of the frontend, and of the daemon for every kind of build, such as `attest:provenance`. */
  readonly frontendAttrs?: Readonly<Record<string, string>>;
  /** Caches to read from, in order, such as `{ type: "registry", ref: "host/name" }`. */
  readonly cacheFrom?: readonly CacheImport[];
  /** Caches to write to, such as `{ type: "local", dest: "cache", mode: "max" }`. */
  readonly cacheTo?: readonly CacheExport[];
  /** What the build may do beyond the ordinary: `network.host`, `security.insecure`, `device=<name>`. */
  readonly entitlements?: readonly string[];
  /** Secrets by the ids under which steps mount them. */
  readonly secrets?: SecretsOptions["secrets"];
  /** SSH agents and keys that steps may use: `default`, `id=socket`, `id=key,key`, or in parts. */
  readonly ssh?: readonly (string | SshForward)[];
  /**
   * Where registry credentials come from; false for none. Default: the configuration of the `docker` command, its
   * credential helpers among it, which is read when the daemon asks.
   */
  readonly auth?: AuthOptions | false;
  /** Other services that the build's session offers to the daemon. */
  readonly attachables?: readonly Attachable[];
  /** Rules about the build's sources that the daemon applies by itself (capability `source.policy`, BuildKit 0.11). */
  readonly sourceRules?: readonly SourceRule[];
  /** Decides about each source when the daemon comes to it (capability `source.policy.session`, BuildKit 0.26). */
  readonly sourcePolicy?: SourcePolicy;
  /**
   * Chooses exporters besides `exports` once the result is known (capability `exporter.session`, BuildKit 0.21). What
   * they send home needs a service among `attachables`.
   */
  readonly sessionExporters?: SessionExporters;
  /**
   * Under what the daemon keeps what it was sent of `locals`, to ask next time only for files whose name, size or time
   * have changed. Directories that are not the same need keys that are not the same. Default: made of the machine and the
   * paths of all of `locals`: where another directory joins them, all are sent anew once.
   */
  readonly sharedKey?: string;
  /** Leaves no record in the history of builds (BuildKit 0.11). Default: false. */
  readonly internal?: boolean;
  /** Makes the result as an earlier release would: 10, 20 or 30 (BuildKit 0.30). Default: the daemon's newest. */
  readonly compatibilityVersion?: number;
  /**
   * Sends all traffic of run steps through the daemon's proxy (capability `exec.meta.network.proxy`, BuildKit 0.31).
   * Default: false.
   */
  readonly proxyNetwork?: boolean;
}
