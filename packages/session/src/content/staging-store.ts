import { ContentError } from "./content-error.ts";
import type { ContentStore } from "./content-store.ts";

/**
 * One store for what is meant for several: what any of `others` has is not taken again, what is new goes to `own`. Whatever
 * is in one of them can be read.
 */
export function stagingStore(own: ContentStore, others: readonly ContentStore[]): ContentStore {
  const stores = [own, ...others];
  const holderOf = async (digest: string): Promise<ContentStore> => {
    for (const store of stores) {
      const missing = await store.info(digest).then(
        () => false,
        (error: unknown) => {
          if (error instanceof ContentError && error.reason === "not-found") return true;
          throw error;
        },
      );
      if (!missing) return store;
    }
    return own;
  };
  return {
    info: async (digest) => (await holderOf(digest)).info(digest),
    read: async function* (digest, options) {
      yield* (await holderOf(digest)).read(digest, options);
    },
    openWriter: async (options) => {
      // A store that holds the blob refuses the write.
      const holder = options.digest === undefined ? own : await holderOf(options.digest);
      return holder.openWriter(options);
    },
    list: () => own.list(),
    delete: (digest) => own.delete(digest),
    status: (ref) => own.status(ref),
    listStatuses: () => own.listStatuses(),
    abort: (ref) => own.abort(ref),
  };
}
