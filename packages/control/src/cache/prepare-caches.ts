import path from "node:path";
import { BuildkitError } from "@buildkit-node/core";
import type { Exporter } from "@buildkit-node/exporters";
import type { Descriptor } from "@buildkit-node/oci";
import type { ContentStore } from "@buildkit-node/session";
import type { TypedAttrs } from "../solve/solve-request.ts";
import { cacheAttrs } from "./cache-attrs.ts";
import type { CacheExport, CacheImport, LocalCacheExport, LocalCacheImport } from "./cache-options.ts";
import {
  fileLocalCache,
  localExport,
  localImport,
  pruneLocalCache,
  type WatchedStore,
  watchedStore,
} from "./local-cache.ts";

/** A build's caches, ready. */
export interface CacheSet {
  readonly imports: readonly TypedAttrs[];
  readonly exports: readonly TypedAttrs[];
  /** Those of local directories, by the ids that the daemon asks for. */
  readonly stores: ReadonlyMap<string, ContentStore>;
  /** The build has succeeded: local caches are filed under their tags. */
  finish(response: Readonly<Record<string, string>>): Promise<void>;
  /** The build's other results are filed, too: what local caches do not hold any longer is removed where that was asked for. */
  prune(): Promise<void>;
}

type NamedDestination = Pick<Exporter<unknown>, "name" | "destination">;

export interface CacheOptions {
  readonly cacheFrom?: readonly CacheImport[];
  readonly cacheTo?: readonly CacheExport[];
}

/**
 * @throws {InvalidArgumentError} for a cache that lacks what it must have
 * @throws {ContentError} for a local directory that has an index that is none
 */
export async function prepareCaches(options: CacheOptions, signal: AbortSignal): Promise<CacheSet> {
  const { cacheFrom = [], cacheTo = [] } = options;
  const stores = new Map<string, WatchedStore>();
  const watch = (dir: string): WatchedStore => {
    const store = stores.get(`local:${dir}`) ?? watchedStore(dir);
    stores.set(`local:${dir}`, store);
    return store;
  };
  const imports: TypedAttrs[] = [];
  for (const cache of cacheFrom) {
    const local = isLocal<LocalCacheImport>(cache, "src") ? await localImport(cache, signal) : undefined;
    if (local !== undefined) {
      watch(local.dir);
      imports.push(local.entry);
    } else if (!isLocal(cache, "src")) {
      imports.push(cacheAttrs("cacheFrom", cache));
    }
  }
  const exports: TypedAttrs[] = [];
  const filed: { readonly cache: LocalCacheExport; readonly written: WatchedStore }[] = [];
  for (const cache of cacheTo) {
    if (!isLocal<LocalCacheExport>(cache, "dest")) {
      exports.push(cacheAttrs("cacheTo", cache));
      continue;
    }
    const { dir, entry } = await localExport(cache, signal);
    exports.push(entry);
    filed.push({ cache, written: watch(dir) });
  }
  // Caches in registries and directories answer under one name.
  const alone = exports.filter(({ type }) => type === "registry" || type === "local").length === 1;
  return {
    imports,
    exports,
    stores: new Map([...stores].map(([id, { store }]) => [id, store])),
    finish: async (response) => {
      for (const { cache, written } of filed) {
        const told = response["cache.manifest"];
        // Without an answer there was nothing to keep, or it could not be kept and that was to be ignored.
        if (told === undefined) continue;
        const manifest = alone ? parseDescriptor(told) : await written.lastWritten();
        if (manifest !== undefined) await fileLocalCache(cache, manifest, signal);
      }
    },
    prune: async () => {
      for (const { cache } of filed) if (cache.reset === true) await pruneLocalCache(cache, signal);
    },
  };
}

/** The directories that caches go to, as exporters name their own. */
export function cacheDestinations({ cacheTo = [] }: CacheOptions): readonly NamedDestination[] {
  return cacheTo.flatMap((cache) => {
    if (!isLocal<LocalCacheExport>(cache, "dest") || typeof cache.dest !== "string") return [];
    return [{ name: "the local cache", destination: { kind: "layout", path: path.resolve(cache.dest) } }];
  });
}

function isLocal<T extends LocalCacheImport | LocalCacheExport>(
  cache: CacheImport | CacheExport,
  place: "src" | "dest",
): cache is T & (CacheImport | CacheExport) {
  return cache.type === "local" && place in cache;
}

function parseDescriptor(json: string): Descriptor {
  try {
    return JSON.parse(json) as Descriptor;
  } catch (cause) {
    throw new BuildkitError("ERR_BUILDKIT_PROTOCOL", "the daemon's descriptor of the cache cannot be read", {
      cause,
    });
  }
}
