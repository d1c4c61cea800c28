import { ContentError } from "./content-error.ts";
import type { ContentStore } from "./content-store.ts";
import { type LayoutIndexOptions, readLayoutIndex } from "./layout-index-file.ts";
import { ociLayoutStore } from "./oci-layout-store.ts";
import { reachable } from "./reachable.ts";

/**
 * Deletes every blob of an OCI layout that no entry of its `index.json` leads to, and answers how many those were.
 * Nothing is deleted when what the index leads to cannot be read, nor where there is no index.
 *
 * Throws like `readLayoutIndex`, and a `ContentError` for a manifest that is missing or broken.
 */
export async function pruneLayout(dir: string, options: LayoutIndexOptions = {}): Promise<number> {
  const index = await readLayoutIndex(dir, options);
  if (index === undefined) return 0;
  const store = ociLayoutStore(dir);
  const kept = new Set<string>((await reachable(store, index.manifests)).map(({ digest }) => digest));
  let deleted = 0;
  for (const digest of await digestsOf(store)) {
    options.signal?.throwIfAborted();
    if (kept.has(digest)) continue;
    await store.delete(digest).catch(ignoreMissing);
    deleted++;
  }
  return deleted;
}

async function digestsOf(store: ContentStore) {
  const digests = [];
  for await (const { digest } of store.list()) digests.push(digest);
  return digests;
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof ContentError && error.reason === "not-found")) throw error;
}
