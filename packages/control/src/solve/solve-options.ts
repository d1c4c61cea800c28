import type { ProgressDisplay } from "@buildkit-node/core";

/** A cache to read from or to write to, such as `{ type: "registry", attrs: { ref: "host/name" } }`. */
export interface CacheEntry {
  readonly type: string;
  readonly attrs?: Readonly<Record<string, string>>;
}

/** What a build is given besides its graph. */
export interface SolveOptions {
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
  /** Caches to import, in order. */
  readonly cacheFrom?: readonly CacheEntry[];
  /** Caches to export. */
  readonly cacheTo?: readonly CacheEntry[];
  /** What the build may do beyond the ordinary: `network.host`, `security.insecure`, `device=<name>`. */
  readonly entitlements?: readonly string[];
  /** Leaves no record in the history of builds (BuildKit 0.11). Default: false. */
  readonly internal?: boolean;
  /** Rules of a daemon's release for what is built: 10, 20 or 30 (BuildKit 0.30). Default: the daemon's own. */
  readonly compatibilityVersion?: number;
  /** Sends all traffic of run steps through the daemon's proxy (BuildKit 0.31). Default: false. */
  readonly proxyNetwork?: boolean;
}
