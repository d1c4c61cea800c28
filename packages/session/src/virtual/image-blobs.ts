import path from "node:path";
import { BuildkitError } from "@buildkit-node/core";
import { parseDigest } from "@buildkit-node/oci";
import type { ContentStore } from "../content/content-store.ts";
import { toText } from "../fsutil/byte-string.ts";
import { LocalSourceError } from "../fsutil/local-source-error.ts";
import { type ArchiveRange, FileArchive, readRange, type Spool } from "./archive.ts";
import { readTar } from "./tar-reader.ts";

/** The blobs of images, from wherever they are. */
export interface ImageBlobs {
  /** For people. */
  readonly name: string;
  /** A blob where it can be read at any place. @throws {LocalSourceError} if there is none */
  find(digest: string): Promise<ArchiveRange>;
}

/** A layout's blobs, with its index. */
export interface LayoutBlobs extends ImageBlobs {
  readonly index: ArchiveRange;
}

/** Blobs beside the `index.json` of an OCI layout. */
export function directoryBlobs(index: FileArchive): LayoutBlobs {
  const name = path.dirname(index.name);
  return {
    name,
    index: index.whole,
    find: async (digest) => new FileArchive(path.join(name, blobPath(digest))).whole,
  };
}

/** Blobs in the tar archive of an OCI layout. */
export async function tarBlobs(archive: FileArchive): Promise<LayoutBlobs> {
  const files = new Map<string, ArchiveRange>();
  for await (const { path, type, contents } of readTar(archive.whole))
    if (type === "file") files.set(toText(path), contents);
  const { name } = archive;
  const find = (path: string): ArchiveRange => {
    const range = files.get(path);
    if (range === undefined)
      throw new LocalSourceError(name, `${name} is no image in the OCI layout: it has no ${path}`);
    return range;
  };
  return { name, index: find("index.json"), find: async (digest) => find(blobPath(digest)) };
}

/** Blobs in a content store, which are read through a temporary file. */
export function storeBlobs(store: ContentStore, spool: () => Spool): ImageBlobs {
  return { name: "the content store", find: (digest) => spool().append(store.read(digest)) };
}

/** Documents are no larger: a daemon reads no more of one either. */
const maxDocumentBytes = 4 << 20;

/** A blob that is a JSON document, or an index file. */
export async function readDocument(name: string, range: ArchiveRange): Promise<unknown> {
  if (range.size > maxDocumentBytes)
    throw new LocalSourceError(name, `${name}: a document of it is too large`);
  const pieces: Uint8Array[] = [];
  const bytes = readRange(range);
  if (bytes instanceof Uint8Array) pieces.push(bytes);
  else for await (const piece of bytes) pieces.push(piece);
  try {
    return JSON.parse(Buffer.concat(pieces).toString());
  } catch (cause) {
    if (BuildkitError.is(cause)) throw cause;
    throw new LocalSourceError(name, `${name}: a document of it is not JSON`, { cause });
  }
}

function blobPath(digest: string): string {
  const { algorithm, hex } = parseDigest(digest);
  return `blobs/${algorithm}/${hex}`;
}
