import { ContentError } from "./content-error.ts";
import type { ContentReadOptions } from "./content-store.ts";

/** Largest piece that a read yields. */
export const maxPieceBytes: number = 1024 * 1024;

/** The part of a blob of `blobBytes` that a read wants. Throws a `ContentError` with reason `out-of-range`. */
export function readRange(
  digest: string,
  blobBytes: number,
  options: ContentReadOptions,
): { readonly start: number; readonly end: number } {
  const start = options.offsetBytes ?? 0;
  if (start < 0 || start > blobBytes) {
    throw new ContentError(
      "out-of-range",
      digest,
      `offset ${start} is outside of ${digest} (${blobBytes} bytes)`,
    );
  }
  return { start, end: Math.min(blobBytes, start + (options.sizeBytes ?? blobBytes)) };
}
