import type { Exporter } from "./exporter.ts";

export interface CacheOnlyResult {
  readonly type: "cacheonly";
}

/** Leaves the result in the daemon's build cache: the build is made, and nothing is exported. */
export function cacheOnly(): Exporter<CacheOnlyResult> {
  return {
    name: "cacheonly",
    prepare: async () => ({
      finish: async () => ({ type: "cacheonly" }),
      discard: async () => {},
    }),
  };
}
