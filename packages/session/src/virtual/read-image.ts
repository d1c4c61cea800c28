import { InvalidArgumentError } from "@buildkit-node/core";
import {
  type Descriptor,
  findInIndex,
  formatPlatform,
  type Index,
  type Manifest,
  matchesPlatform,
  normalizePlatform,
  type Platform,
} from "@buildkit-node/oci";
import { LocalSourceError } from "../fsutil/local-source-error.ts";
import type { Spool } from "./archive.ts";
import { ArchiveTree } from "./archive-tree.ts";
import { type ImageBlobs, type LayoutBlobs, readDocument } from "./image-blobs.ts";
import { readTar, type TarEntry } from "./tar-reader.ts";
import { uncompressed } from "./uncompressed.ts";

/** The digest of an image in a layout. */
export async function digestIn(
  { name: layout, index }: LayoutBlobs,
  name: string | undefined,
): Promise<string> {
  const document = (await readDocument(layout, index)) as Index;
  const found = findInIndex(document, name) ?? (name === undefined ? onlyOne(document) : undefined);
  if (found !== undefined) return found.digest;
  const why =
    name === undefined ? "does not hold one image: give its name" : `holds no image of the name "${name}"`;
  throw new InvalidArgumentError("name", name, `${layout} ${why}`);
}

/** The image of an index that has it under several names. */
function onlyOne({ manifests }: Index): Descriptor | undefined {
  const [first, ...others] = manifests;
  return others.every(({ digest }) => digest === first?.digest) ? first : undefined;
}

/** The files of an image: its layers over each other. */
export async function readImage(
  blobs: ImageBlobs,
  root: string,
  platform: Platform | undefined,
  spool: () => Spool,
): Promise<ArchiveTree> {
  const manifest = await manifestOf(blobs, root, platform);
  const tree = new ArchiveTree();
  for (const { digest } of manifest.layers) {
    const layer = await uncompressed(await blobs.find(digest), spool);
    const entries: TarEntry[] = [];
    for await (const entry of readTar(layer)) entries.push(entry);
    tree.putLayer(entries);
  }
  return tree;
}

/** An image's index may have indexes in it; a longer chain is none. */
const maxIndexes = 8;

async function manifestOf(
  blobs: ImageBlobs,
  root: string,
  platform: Platform | undefined,
): Promise<Pick<Manifest, "layers">> {
  let digest = root;
  for (let left = maxIndexes; left > 0; left--) {
    const document = (await readDocument(blobs.name, await blobs.find(digest))) as Partial<Manifest & Index>;
    if (document.layers !== undefined) return { layers: document.layers };
    if (document.manifests === undefined) break;
    digest = choose(blobs.name, document.manifests, platform).digest;
  }
  throw new LocalSourceError(
    blobs.name,
    `${blobs.name}: ${digest} is neither an image nor an index of images`,
  );
}

function choose(image: string, manifests: readonly Descriptor[], wanted: Platform | undefined): Descriptor {
  const candidates = manifests.filter(({ platform }) => platform?.os !== "unknown");
  const [only, ...others] = candidates;
  if (wanted === undefined && only !== undefined && others.length === 0) return only;
  const found =
    wanted && candidates.find((one) => matchesPlatform(normalizePlatform(wanted), platformOf(one)));
  if (found !== undefined) return found;
  const known = candidates.map((one) => formatPlatform(platformOf(one))).join(", ");
  const why =
    wanted === undefined ? "has several platforms: give one" : `is not there for ${formatPlatform(wanted)}`;
  throw new InvalidArgumentError("platform", wanted, `the image in ${image} ${why} (it has ${known})`);
}

function platformOf({ platform }: Descriptor): Platform {
  const { os = "", architecture = "", variant, "os.version": osVersion } = platform ?? {};
  return normalizePlatform({
    os,
    architecture,
    ...(variant !== undefined && { variant }),
    ...(osVersion !== undefined && { osVersion }),
  });
}
