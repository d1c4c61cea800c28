import type { Descriptor, Index } from "./image.ts";
import { mediaTypes } from "./image.ts";

/** The annotation that carries an image's whole name in the `index.json` of an OCI layout. */
export const imageNameAnnotation = "io.containerd.image.name";

/** The annotation that carries an image's tag in the `index.json` of an OCI layout. */
export const refNameAnnotation = "org.opencontainers.image.ref.name";

/** The annotation with the time of a descriptor; a daemon gives each export's its own. */
const createdAnnotation = "org.opencontainers.image.created";

/** The `index.json` of a new layout. */
export const emptyIndex: Index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] };

/** Under what an image is filed: a whole name such as `docker.io/library/app:dev`, or a tag alone. */
export type LayoutName = { readonly name: string } | { readonly tag: string };

/**
 * Files a manifest in a layout's index as BuildKit's clients do. Under a name or tag it takes the place of what was
 * there; without any it is appended. One that is filed there already keeps its place and its time of creation.
 */
export function putInIndex(index: Index, descriptor: Descriptor, names: readonly LayoutName[] = []): Index {
  if (names.length === 0) {
    return { ...index, manifests: [...index.manifests, descriptor] };
  }
  const put = (manifests: readonly Descriptor[], name: LayoutName): readonly Descriptor[] => {
    const entry = named(descriptor, name);
    const key = nameKey(entry);
    const [present, ...more] = manifests.filter((manifest) => nameKey(manifest) === key);
    if (present && more.length === 0 && isSameButForTime(present, entry)) return manifests;
    return [...manifests.filter((manifest) => nameKey(manifest) !== key), entry];
  };
  return { ...index, manifests: names.reduce(put, index.manifests) };
}

/**
 * What a layout holds under a name or tag: an entry with that whole name wins over one with that tag. Without a
 * name, the only manifest of a layout that has exactly one.
 */
export function findInIndex(index: Index, name?: string): Descriptor | undefined {
  if (name === undefined) {
    return index.manifests.length === 1 ? index.manifests[0] : undefined;
  }
  return (
    index.manifests.find((manifest) => manifest.annotations?.[imageNameAnnotation] === name) ??
    index.manifests.find((manifest) => manifest.annotations?.[refNameAnnotation] === name)
  );
}

function named(descriptor: Descriptor, name: LayoutName): Descriptor {
  const annotations =
    "tag" in name
      ? { [refNameAnnotation]: name.tag }
      : { [imageNameAnnotation]: name.name, [refNameAnnotation]: refNameOf(name.name) };
  return { ...descriptor, annotations: { ...descriptor.annotations, ...annotations } };
}

function isSameButForTime(one: Descriptor, other: Descriptor): boolean {
  return JSON.stringify(undated(one)) === JSON.stringify(undated(other));
}

function undated(descriptor: Descriptor): Descriptor {
  const { [createdAnnotation]: _, ...annotations } = descriptor.annotations ?? {};
  return { ...descriptor, annotations };
}

/** The tag or digest of a name with a host in front; a name without a host stands for itself. */
function refNameOf(name: string): string {
  const slash = name.indexOf("/");
  if (slash < 0) {
    return name.includes(":") ? name : "";
  }
  const path = name.slice(slash);
  const at = path.search(/[:@]/);
  return at < 0 ? "" : path.slice(path[at] === ":" ? at + 1 : at);
}

function nameKey({ annotations }: Descriptor): string {
  return JSON.stringify([annotations?.[imageNameAnnotation] ?? "", annotations?.[refNameAnnotation] ?? ""]);
}
