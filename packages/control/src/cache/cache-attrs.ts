import { InvalidArgumentError } from "@buildkit-node/core";
import type { TypedAttrs } from "../solve/solve-request.ts";
import type { CacheEntry, CacheExport, CacheImport } from "./cache-options.ts";

/**
 * A cache in the daemon's words. What is for this side alone, such as a tag in a local directory, is left out.
 *
 * @param argument the option that it was given in
 * @throws {InvalidArgumentError} for one that lacks what it must have
 */
export function cacheAttrs(argument: string, cache: CacheImport | CacheExport): TypedAttrs {
  if (isPlain(cache)) return { type: cache.type, attrs: cache.attrs };
  const { type, ...fields } = cache;
  const attrs: Record<string, string> = {};
  for (const [field, value] of Object.entries(fields)) {
    if (value === undefined || ownFields.has(field)) continue;
    attrs[attributeName(type, field)] = valueText(value);
  }
  const missing = required(argument)[type]?.find((name) => !attrs[name]);
  if (missing === undefined) return { type, attrs };
  throw new InvalidArgumentError(argument, type, `a cache of the type ${type} needs ${missing}`);
}

/** Not for the daemon. */
const ownFields: ReadonlySet<string> = new Set(["tag", "reset", "required"]);

/** Attributes of images are spelled with dashes, those of storage services with underscores. */
function attributeName(type: string, field: string): string {
  if (field === "insecure") return "registry.insecure";
  if (field === "ociMediaTypes") return "oci-mediatypes";
  if (field === "ghToken") return "ghtoken";
  if (field === "urlV2") return "url_v2";
  const separator = type === "registry" || type === "local" || field === "ignoreError" ? "-" : "_";
  return field.replace(/[A-Z]/g, (letter) => `${separator}${letter.toLowerCase()}`);
}

function valueText(value: unknown): string {
  return Array.isArray(value) ? value.join(";") : String(value);
}

function required(argument: string): Readonly<Record<string, readonly string[]>> {
  return {
    registry: ["ref"],
    local: [argument === "cacheTo" ? "dest" : "src"],
    gha: ["token"],
  };
}

function isPlain(cache: CacheImport | CacheExport): cache is Required<CacheEntry> {
  return "attrs" in cache && cache.attrs !== undefined;
}
