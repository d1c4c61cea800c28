import fs from "node:fs";
import { InvalidArgumentError } from "@buildkit-node/core";
import { CallError, type Metadata, type ServerCall, StatusCode } from "@buildkit-node/transport";
import type { Attachable } from "../attachable.ts";
import { type ByteString, fromText, toCharacters } from "../fsutil/byte-string.ts";
import { DirectorySource, type OnUnreadable } from "../fsutil/directory-source.ts";
import { includePatterns } from "../fsutil/follow-paths.ts";
import { cannotRead } from "../fsutil/local-source-error.ts";
import { PathFilter } from "../fsutil/path-filter.ts";
import { sendTree } from "../fsutil/send-tree.ts";

export interface FileSyncOptions {
  /** Directories by the name under which a build refers to them. */
  readonly directories: Readonly<Record<string, string>>;
  /** What becomes of a file that cannot be read once the daemon asks for it; "error" by default. */
  readonly onUnreadable?: OnUnreadable;
}

/**
 * Serves directories of this machine to a build, which chooses what it wants of them. Throws an `InvalidArgumentError` at
 * once for a directory that does not exist or is none.
 */
export function fileSync(options: FileSyncOptions): Attachable {
  const roots = new Map(
    Object.entries(options.directories).map(([name, directory]) => [name, realDirectory(name, directory)]),
  );
  const onUnreadable = options.onUnreadable ?? "error";
  return {
    methods: new Map([
      ["/moby.filesync.v1.FileSync/DiffCopy", (call: ServerCall) => serve(call, roots, onUnreadable)],
    ]),
  };
}

function realDirectory(name: string, directory: string): ByteString {
  const argument = `directories.${name}`;
  const invalid = (why: string, cause?: unknown) =>
    new InvalidArgumentError(argument, directory, `the local source "${name}" (${directory}) ${why}`, {
      cause,
    });
  let real: string;
  try {
    real = fs.realpathSync(directory);
  } catch (error) {
    throw invalid("does not exist or cannot be reached", error);
  }
  if (!fs.statSync(real).isDirectory()) throw invalid("is not a directory");
  try {
    fs.opendirSync(real).closeSync();
  } catch (error) {
    throw invalid("cannot be read: permission denied", error);
  }
  return fromText(real);
}

async function serve(
  call: ServerCall,
  roots: ReadonlyMap<string, ByteString>,
  onUnreadable: OnUnreadable,
): Promise<void> {
  const name = call.metadata.get("dir-name") ?? "";
  const root = roots.get(name);
  if (root === undefined) throw new CallError(StatusCode.notFound, `no access allowed to dir "${name}"`);
  const filter = requestedFilter(root, call.metadata);
  await sendTree(call, new DirectorySource({ root, filter, onUnreadable }));
}

function requestedFilter(root: ByteString, metadata: Metadata): PathFilter {
  const include = values(metadata, "include-patterns");
  const follow = values(metadata, "followpaths");
  try {
    return new PathFilter({
      include: includePatterns(root, include, follow).map(toCharacters),
      exclude: values(metadata, "exclude-patterns").map(toCharacters),
    });
  } catch (error) {
    if (error instanceof InvalidArgumentError)
      throw new CallError(StatusCode.invalidArgument, error.message, { cause: error });
    throw cannotRead(root, error);
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
