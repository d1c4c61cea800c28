import { BuildkitError } from "@buildkit-node/core";
import { Spool } from "./archive.ts";
import type { ArchiveTree } from "./archive-tree.ts";
import type { VirtualDirectory } from "./virtual-directory.ts";

/**
 * A virtual directory of what is in an archive. It may serve any number of builds until it is closed. One that is made from
 * a file that is not compressed holds nothing between builds, and need not be closed.
 */
export interface ArchiveDirectory extends VirtualDirectory, AsyncDisposable {
  /** Removes the temporary file, if there is one, as soon as no build reads it. Idempotent. */
  close(): Promise<void>;
}

export interface ArchiveDirectoryOptions {
  /** Where a temporary file is made if one is needed; the system's directory for such by default. */
  readonly tempDirectory?: string;
}

export interface ArchiveContents extends ArchiveDirectoryOptions {
  /** For people. */
  readonly name: string;
  /** Different for different contents. */
  readonly identity: string | undefined;
  /** Reads what there is; `spool` is the temporary file, made when it is first asked for. */
  read(spool: () => Spool): Promise<ArchiveTree>;
}

export function archiveDirectory(contents: ArchiveContents): ArchiveDirectory {
  const { name, identity, tempDirectory } = contents;
  let spool: Spool | undefined;
  let reading: Promise<ArchiveTree> | undefined;
  let closed = false;
  const checkOpen = (): void => {
    if (closed) throw new BuildkitError("ERR_BUILDKIT_CLOSED", `the virtual directory of ${name} is closed`);
  };
  const makeSpool = (): Spool => {
    // Nobody would close one that is made after all is closed.
    checkOpen();
    spool ??= new Spool(name, tempDirectory);
    return spool;
  };
  const read = async (): Promise<ArchiveTree> => {
    try {
      return await contents.read(makeSpool);
    } catch (error) {
      spool?.close();
      spool = undefined;
      reading = undefined;
      throw error;
    }
  };
  const close = async (): Promise<void> => {
    closed = true;
    spool?.close();
  };
  return {
    identity,
    sort: true,
    async *entries() {
      checkOpen();
      reading ??= read();
      yield* (await reading).entries();
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
