import fs from "node:fs";
import path from "node:path";
import { formatPlatform, type Platform, parsePlatform } from "@buildkit-node/oci";
import type { ContentStore } from "../content/content-store.ts";
import { FileArchive, type Spool } from "./archive.ts";
import {
  type ArchiveDirectory,
  type ArchiveDirectoryOptions,
  archiveDirectory,
} from "./archive-directory.ts";
import type { ImageBlobs } from "./image-blobs.ts";

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
      const { readImage } = await import("./reading.ts");
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
    find: async (spool) => {
      const { storeBlobs } = await import("./reading.ts");
      return { blobs: storeBlobs(store, spool), digest };
    },
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
      const { digestIn, directoryBlobs, tarBlobs } = await import("./reading.ts");
      const blobs = isDirectory ? directoryBlobs(file) : await tarBlobs(file);
      return { blobs, digest: await digestIn(blobs, image) };
    },
  };
}
