import { pipeline, Readable, type Transform } from "node:stream";
import zlib from "node:zlib";
import { LocalSourceError } from "../fsutil/local-source-error.ts";

/** How an archive is compressed. */
export type Compression = "gzip" | "zstd";

/** Missing before Node 22.15, whose types are not those that this package is built with. */
const zstd = "createZstdDecompress" in zlib ? (zlib.createZstdDecompress as () => Transform) : undefined;

const magics: readonly (readonly [number[], Compression | "bzip2" | "xz"])[] = [
  [[0x1f, 0x8b], "gzip"],
  [[0x28, 0xb5, 0x2f, 0xfd], "zstd"],
  [[0x42, 0x5a, 0x68], "bzip2"],
  [[0xfd, 0x37, 0x7a, 0x58, 0x5a], "xz"],
];

/**
 * How bytes are compressed, by how they begin; `undefined` if they are not.
 *
 * @throws {LocalSourceError} for a compression that cannot be undone here; `name` is the archive's
 */
export function compressionOf(beginning: Uint8Array, name: string): Compression | undefined {
  const [, found] = magics.find(([magic]) => magic.every((byte, at) => beginning[at] === byte)) ?? [];
  if (found === "bzip2" || found === "xz" || (found === "zstd" && zstd === undefined)) {
    const where = found === "zstd" ? `Node ${process.version}` : "Node";
    throw new LocalSourceError(
      name,
      `cannot read ${name}: ${where} cannot decompress ${found}; decompress it before`,
    );
  }
  return found;
}

/** Undoes a compression. An error of either side ends both. */
export function decompress(
  stream: AsyncIterable<Uint8Array>,
  compression: Compression,
): AsyncIterable<Uint8Array> {
  const transform = compression === "zstd" && zstd !== undefined ? zstd() : zlib.createGunzip();
  // The error comes out of the transform, which is destroyed with it.
  pipeline(Readable.from(stream), transform, () => {});
  return transform;
}
