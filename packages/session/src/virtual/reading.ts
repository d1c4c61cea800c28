// What it takes to read archives: loaded when a daemon first asks for what is in one.
export { ArchiveTree } from "./archive-tree.ts";
export { directoryBlobs, storeBlobs, tarBlobs } from "./image-blobs.ts";
export { digestIn, readImage } from "./read-image.ts";
export { readTar } from "./tar-reader.ts";
export { uncompressed } from "./uncompressed.ts";
