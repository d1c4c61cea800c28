import path from "node:path";
import { BuildkitError, InvalidArgumentError } from "@buildkit-node/core";
import { type Descriptor, isDigest, putInIndex } from "@buildkit-node/oci";
import {
  type ContentStore,
  ociLayoutStore,
  pruneLayout,
  readLayoutIndex,
  resolveInLayout,
  updateLayoutIndex,
} from "@buildkit-node/session";
import type { TypedAttrs } from "../solve/solve-request.ts";
import { cacheAttrs } from "./cache-attrs.ts";
import type { LocalCacheExport, LocalCacheImport } from "./cache-options.ts";

/** A cache directory on its way to the daemon. */
export interface LocalCache {
  readonly entry: TypedAttrs;
  /** The absolute path of the directory. */
  readonly dir: string;
}

/** The cache of a directory; `undefined` where it has none and none is required. */
export async function localImport(
  cache: LocalCacheImport,
  signal: AbortSignal,
): Promise<LocalCache | undefined> {
  const { attrs } = cacheAttrs("cacheFrom", cache);
  const dir = path.resolve(cache.src);
  const { tag = "latest" } = cache;
  const digest = cache.digest ?? (await resolveInLayout(dir, tag, { signal }))?.digest;
  if (digest !== undefined) {
    if (!isDigest(digest)) throw new InvalidArgumentError("cacheFrom", digest, `${digest} is not a digest`);
    return { dir, entry: { type: "local", attrs: { ...attrs, src: dir, digest } } };
  }
  if (cache.required !== true) return undefined;
  throw new InvalidArgumentError("cacheFrom", cache.src, `${dir} holds no cache of the tag ${tag}`);
}

/** A directory that will hold a cache; one that cannot be used fails now. */
export async function localExport(cache: LocalCacheExport, signal: AbortSignal): Promise<LocalCache> {
  const { attrs } = cacheAttrs("cacheTo", cache);
  const dir = path.resolve(cache.dest);
  await readLayoutIndex(dir, { signal });
  return { dir, entry: { type: "local", attrs: { ...attrs, dest: dir } } };
}

/** A cache has been written: files it in the directory's index. */
export async function fileLocalCache(
  { dest, tag = "latest" }: LocalCacheExport,
  manifest: Descriptor,
  signal: AbortSignal,
): Promise<void> {
  const dir = path.resolve(dest);
  const tags = typeof tag === "string" ? [tag] : tag;
  const names = tags.map((one) => ({ tag: one }));
  await updateLayoutIndex(dir, (index) => putInIndex(index, manifest, names), { signal });
}

/** Removes what nothing in the directory's index leads to. What cannot be removed is in nobody's way. */
export async function pruneLocalCache({ dest }: LocalCacheExport, signal: AbortSignal): Promise<void> {
  await pruneLayout(path.resolve(dest), { signal }).catch(() => {});
}

/** A store that remembers what was written into it last: of an image that is its root. */
export interface WatchedStore {
  readonly store: ContentStore;
  lastWritten(): Promise<Descriptor | undefined>;
}

export function watchedStore(dir: string): WatchedStore {
  const inner = ociLayoutStore(dir);
  let last: string | undefined;
  const store: ContentStore = {
    info: (digest) => inner.info(digest),
    read: (digest, options) => inner.read(digest, options),
    openWriter: (options) => {
      last = options.digest ?? last;
      return inner.openWriter(options);
    },
    list: () => inner.list(),
    delete: (digest) => inner.delete(digest),
    status: (ref) => inner.status(ref),
    listStatuses: () => inner.listStatuses(),
    abort: (ref) => inner.abort(ref),
  };
  return { store, lastWritten: async () => (last === undefined ? undefined : describeRoot(inner, last)) };
}

async function describeRoot(store: ContentStore, written: string): Promise<Descriptor> {
  const { digest, sizeBytes: size } = await store.info(written);
  const pieces: Uint8Array[] = [];
  for await (const piece of store.read(digest, { sizeBytes: maxDocumentBytes })) pieces.push(piece);
  const { mediaType } = JSON.parse(Buffer.concat(pieces).toString());
  if (typeof mediaType === "string") return { mediaType, digest, size };
  throw new BuildkitError("ERR_BUILDKIT_CONTENT", `the cache ${digest} does not say what it is`);
}

/** No manifest or index is larger. */
const maxDocumentBytes = 4 * 1024 * 1024;
