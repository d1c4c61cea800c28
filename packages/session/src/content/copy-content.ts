import type { Descriptor } from "@buildkit-node/oci";
import { ContentError } from "./content-error.ts";
import type { ContentStore } from "./content-store.ts";
import { reachable } from "./reachable.ts";

/**
 * Copies what `root` leads to from one store to another, the root last; what `to` has already is not read. Layers that
 * `from` lacks are left out, as they are when an image names layers to be fetched from elsewhere.
 *
 * Throws like `reachable`, and a `ContentError` with reason `mismatch` for a blob that is not what its digest says.
 */
export async function copyContent(
  from: ContentStore,
  to: ContentStore,
  root: Descriptor,
  options: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  for (const descriptor of await reachable(from, [root])) {
    options.signal?.throwIfAborted();
    await copyBlob(from, to, descriptor, options.signal);
  }
}

async function copyBlob(
  from: ContentStore,
  to: ContentStore,
  { digest, size: sizeBytes }: Descriptor,
  signal: AbortSignal | undefined,
): Promise<void> {
  if ((await unless("not-found", from.info(digest))) === undefined) return;
  const opening = to.openWriter({ ref: `copy-${digest}`, digest, totalBytes: sizeBytes });
  await using writer = await unless("exists", opening);
  if (writer === undefined) return;
  for await (const piece of from.read(digest, { offsetBytes: writer.status.offsetBytes })) {
    signal?.throwIfAborted();
    await writer.write(piece);
  }
  await unless("exists", writer.commit({ digest, sizeBytes }));
}

async function unless<T>(reason: ContentError["reason"], promise: Promise<T>): Promise<T | undefined> {
  return promise.catch((error: unknown) => {
    if (error instanceof ContentError && error.reason === reason) return undefined;
    throw error;
  });
}
