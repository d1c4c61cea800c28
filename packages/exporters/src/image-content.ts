import { type Descriptor, type Index, type Manifest, mediaTypes } from "@buildkit-node/oci";

/** What an image consists of. */
export interface ImageContent {
  /** All blobs together, each counted once. */
  readonly bytes: number;
  /** Of an image without index. */
  readonly configDigest?: string;
}

/** Adds up an image from its documents. Platforms of an index that it has no document of count as that and no more. */
export async function imageContent(
  root: Descriptor,
  read: (descriptor: Descriptor) => Promise<Uint8Array>,
): Promise<ImageContent> {
  const sizes = new Map<string, number>();
  const visit = async (descriptor: Descriptor): Promise<string | undefined> => {
    sizes.set(descriptor.digest, descriptor.size);
    if (!documentTypes.has(descriptor.mediaType)) return undefined;
    const document: Partial<Manifest & Index> = JSON.parse(new TextDecoder().decode(await read(descriptor)));
    for (const child of document.manifests ?? []) await visit(child);
    for (const part of [...(document.config ? [document.config] : []), ...(document.layers ?? [])]) {
      sizes.set(part.digest, part.size);
    }
    return document.config?.digest;
  };
  const configDigest = await visit(root);
  const bytes = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  return { bytes, ...(configDigest !== undefined && { configDigest }) };
}

const documentTypes: ReadonlySet<string> = new Set([
  mediaTypes.ociManifest,
  mediaTypes.ociIndex,
  mediaTypes.dockerManifest,
  mediaTypes.dockerManifestList,
]);
