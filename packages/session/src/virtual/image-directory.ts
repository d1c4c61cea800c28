import fs from "node:fs";
import path from "node:path";
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
  parsePlatform,
} from "@buildkit-node/oci";
import type { ContentStore } from "../content/content-store.ts";
import { LocalSourceError } from "../fsutil/local-source-error.ts";
import { FileArchive, type Spool } from "./archive.ts";
import {
  type ArchiveDirectory,
  type ArchiveDirectoryOptions,
  archiveDirectory,
  uncompressed,
} from "./archive-directory.ts";
import { ArchiveTree } from "./archive-tree.ts";
import {
  directoryBlobs,
  type ImageBlobs,
  type LayoutBlobs,
  readDocument,
  storeBlobs,
  tarBlobs,
} from "./image-blobs.ts";
import { readTar, type TarEntry } from "./tar-reader.ts";

/**
 * Where an image is: the path of an OCI layout, which is a directory or the archive that an `oci` or `docker` exporter wrote;
 * or a content store, with the digest of the image's manifest or index.
 */
export type ImageSource = string | { readonly store: ContentStore; readonly digest: string };

export interface ImageDirectoryOptions extends ArchiveDirectoryOptions {
  /** The image's name or tag in a layout. Needed only of one that holds several. */
  readonly name?: string;
  /** Which of an image's platforms, such as `linux/arm64`. Needed only of one that has several. */
  readonly platform?: string | Platform;
}

/**
 * The files of an image as a local source, without a registry: its layers over each other, whiteouts applied.
 *
 * Layers that are not compressed are read where they are, as in `tarDirectory`; others are decompressed to a temporary file.
 *
 * @throws {LocalSourceError} for a layout that is not there
 */
export function imageDirectory(source: ImageSource, options: ImageDirectoryOptions = {}): ArchiveDirectory {
  const place = typeof source === "string" ? layoutPlace(source, options.name) : storePlace(source);
  const platform = typeof options.platform === "string" ? parsePlatform(options.platform) : options.platform;
  return archiveDirectory({
    ...options,
    name: place.name,
    identity: JSON.stringify([place.identity, options.name, platform && formatPlatform(platform)]),
    async read(spool) {
      const { blobs, digest } = await place.find(spool);
      return readImage(blobs, digest, platform, spool);
    },
  });
}

/** Where an image is found once it is wanted. */
interface ImagePlace {
  readonly name: string;
  readonly identity: string;
  find(spool: () => Spool): Promise<{ readonly blobs: ImageBlobs; readonly digest: string }>;
}

function storePlace({ store, digest }: Exclude<ImageSource, string>): ImagePlace {
  return {
    name: "the content store",
    identity: digest,
    find: async (spool) => ({ blobs: storeBlobs(store, spool), digest }),
  };
}

function layoutPlace(source: string, image: string | undefined): ImagePlace {
  const isDirectory = fs.statSync(source, { throwIfNoEntry: false })?.isDirectory() === true;
  // The file that changes with the layout.
  const file = new FileArchive(isDirectory ? path.join(source, "index.json") : source);
  return {
    name: file.name,
    identity: file.identity,
    find: async () => {
      const blobs = isDirectory ? directoryBlobs(file) : await tarBlobs(file);
      return { blobs, digest: await digestIn(blobs, image) };
    },
  };
}

async function digestIn({ name: layout, index }: LayoutBlobs, name: string | undefined): Promise<string> {
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

async function readImage(
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
