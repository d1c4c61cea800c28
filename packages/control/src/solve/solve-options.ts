import type { ProgressDisplay } from "@buildkit-node/core";
import type { Exporter } from "@buildkit-node/exporters";
import type { PlatformOption } from "@buildkit-node/llb";
import type { SessionExporters } from "@buildkit-node/session";
import type { CacheExport, CacheImport } from "../cache/cache-options.ts";
import type { SessionOptions } from "../session/session-options.ts";
import type { SharedSession } from "../session/shared-session.ts";
import type { SourceRule } from "./source-rule.ts";

/** Where builds bring their results. */
export type Exporters = readonly Exporter<unknown>[];

/** What a build is given besides its graph. */
export interface SolveOptions<E extends Exporters = Exporters> extends SessionOptions {
  /**
   * A session that the build shares with others: see `Client.openSession`. It brings its own `locals`, `secrets` and what
   * else a session offers, which the build then cannot be given. Default: one of the build's own.
   */
  readonly session?: SharedSession;
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
  /** Rules about the build's sources that the daemon applies by itself (capability `source.policy`, BuildKit 0.11). */
  readonly sourceRules?: readonly SourceRule[];
  /**
   * Chooses exporters besides `exports` once the result is known (capability `exporter.session`, BuildKit 0.21). What
   * they send home needs a service among `attachables`, those of the session where it is shared.
   */
  readonly sessionExporters?: SessionExporters;
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
