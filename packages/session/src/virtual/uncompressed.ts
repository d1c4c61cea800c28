import { type ArchiveRange, readRange, type Spool, streamRange } from "./archive.ts";
import { compressionOf, decompress } from "./decompress.ts";

/** What a part of an archive is without its compression, where that can be read at any place. */
export async function uncompressed(range: ArchiveRange, spool: () => Spool): Promise<ArchiveRange> {
  const beginning = readRange({ ...range, size: Math.min(range.size, 8) });
  const compression = compressionOf(beginning as Uint8Array, range.archive.name);
  return compression === undefined ? range : spool().append(decompress(streamRange(range), compression));
}
