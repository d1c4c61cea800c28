import { FileArchive } from "./archive.ts";
import {
  type ArchiveDirectory,
  type ArchiveDirectoryOptions,
  archiveDirectory,
} from "./archive-directory.ts";

/**
 * A tar archive as a local source, such as what a `tar` exporter wrote. The source is a file's path, or a stream of the
 * archive's bytes (a Node or a web stream, or any other).
 *
 * A file is read where it is: its headers when a build asks for it, contents as they are wanted; it must not change
 * meanwhile. A stream, or an archive that is compressed by gzip (or zstd, from Node 22.15 on), is first written to a
 * temporary file. That has no name and is gone when the directory is closed, or with the process.
 *
 * Where a path comes several times, the last counts. Extended attributes are dropped. A time before 1677 or after 2262, which
 * cannot be sent, becomes the nearest that can.
 *
 * @throws {LocalSourceError} for a file that is not there
 */
export function tarDirectory(
  source: string | AsyncIterable<Uint8Array>,
  options: ArchiveDirectoryOptions = {},
): ArchiveDirectory {
  const bytes = typeof source === "string" ? new FileArchive(source) : source;
  const file = bytes instanceof FileArchive ? bytes : undefined;
  return archiveDirectory({
    ...options,
    name: file?.name ?? "the tar archive",
    identity: file?.identity,
    async read(spool) {
      const { ArchiveTree, readTar, uncompressed } = await import("./reading.ts");
      const range = bytes instanceof FileArchive ? bytes.whole : await spool().append(bytes);
      const tree = new ArchiveTree();
      for await (const entry of readTar(await uncompressed(range, spool))) tree.put(entry);
      return tree;
    },
  });
}
