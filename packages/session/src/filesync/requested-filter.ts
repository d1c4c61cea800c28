import { InvalidArgumentError } from "@buildkit-node/core";
import { CallError, type Metadata, StatusCode } from "@buildkit-node/transport";
import { type ByteString, toCharacters } from "../fsutil/byte-string.ts";
import { includePatterns } from "../fsutil/follow-paths.ts";
import { PathFilter } from "../fsutil/path-filter.ts";
import type { Tree } from "../fsutil/tree.ts";

/** What a daemon wants of a tree, by the metadata of its call. */
export function requestedFilter(tree: Tree<unknown>, metadata: Metadata): PathFilter {
  const include = values(metadata, "include-patterns");
  const follow = values(metadata, "followpaths");
  try {
    return new PathFilter({
      include: includePatterns(tree, include, follow).map(toCharacters),
      exclude: values(metadata, "exclude-patterns").map(toCharacters),
    });
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    throw new CallError(StatusCode.invalidArgument, error.message, { cause: error });
  }
}

/** The values of a key, one for each header line. Values that are not all ASCII come in the form of a URL's query. */
function values(metadata: Metadata, key: string): ByteString[] {
  const lines = metadata.getAll(key);
  return metadata.get(`${key}-encoded`) === "1" ? lines.map(unescapeQuery) : lines;
}

function unescapeQuery(value: string): ByteString {
  return value
    .replaceAll("+", " ")
    .replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
