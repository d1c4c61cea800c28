import { type Descriptor, type Index, isDigest, type Manifest, mediaTypes } from "@buildkit-node/oci";
import { ContentError } from "./content-error.ts";
import type { ContentStore } from "./content-store.ts";

/** No manifest or index is larger. */
const maxDocumentBytes = 4 * 1024 * 1024;

const manifestTypes: ReadonlySet<string> = new Set([mediaTypes.ociManifest, mediaTypes.dockerManifest]);
const indexTypes: ReadonlySet<string> = new Set([mediaTypes.ociIndex, mediaTypes.dockerManifestList]);

/**
 * Everything that `roots` lead to by way of indexes and manifests, themselves among it, each blob once and after all that
 * it leads to. Configs and layers are named by their manifest whether the store has them or not.
 *
 * Throws a `ContentError` with reason `not-found` for a missing index or manifest, and `mismatch` for one that cannot
 * be read as such.
 */
export async function reachable(store: ContentStore, roots: readonly Descriptor[]): Promise<Descriptor[]> {
  const found = new Map<string, Descriptor>();
  const visited = new Set<string>();
  const visit = async (descriptor: Descriptor): Promise<void> => {
    if (visited.has(descriptor.digest)) return;
    visited.add(descriptor.digest);
    for (const child of await children(store, descriptor)) await visit(child);
    found.set(descriptor.digest, descriptor);
  };
  for (const root of roots) await visit(root);
  return [...found.values()];
}

async function children(store: ContentStore, descriptor: Descriptor): Promise<readonly Descriptor[]> {
  const { mediaType, digest } = descriptor;
  if (manifestTypes.has(mediaType)) {
    const { config, layers } = await readDocument<Manifest>(store, digest);
    return checked(digest, [config, ...(layers ?? [])]);
  }
  if (indexTypes.has(mediaType)) {
    const { manifests } = await readDocument<Index>(store, digest);
    return checked(digest, manifests ?? []);
  }
  return [];
}

async function readDocument<T>(store: ContentStore, digest: string): Promise<Partial<T>> {
  const pieces: Uint8Array[] = [];
  for await (const piece of store.read(digest, { sizeBytes: maxDocumentBytes })) pieces.push(piece);
  try {
    const document: unknown = JSON.parse(Buffer.concat(pieces).toString("utf8"));
    if (typeof document === "object" && document !== null) return document as Partial<T>;
  } catch {
    // As below.
  }
  throw unreadable(digest);
}

function checked(digest: string, descriptors: readonly (Descriptor | undefined)[]): readonly Descriptor[] {
  return descriptors.map((descriptor) => {
    if (descriptor === undefined || typeof descriptor.digest !== "string" || !isDigest(descriptor.digest)) {
      throw unreadable(digest);
    }
    return descriptor;
  });
}

function unreadable(digest: string): ContentError {
  return new ContentError("mismatch", digest, `content ${digest} is not an image manifest or index`);
}
