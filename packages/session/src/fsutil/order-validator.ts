import { BuildkitError } from "@buildkit-node/core";
import { type ByteString, toText } from "./byte-string.ts";
import { DestinationError } from "./destination-error.ts";
import { isEntryPath } from "./entry-path.ts";
import { isDirectory, isSymlink } from "./file-mode.ts";
import type { FileStat } from "./stat.ts";
import { onWindows, windowsRefusal } from "./windows-files.ts";

/** A path as its directory's and its own name. */
export interface SplitPath {
  /** Without a `/` at the end; empty for the root. */
  readonly directory: ByteString;
  readonly name: ByteString;
}

/**
 * Holds a daemon to the order and the form of a tree's entries. What passes lies below the root, in a directory that
 * was sent before it, behind its siblings, and once; a hard link leads to a path of that form. (Whether there is a file is
 * seen when the link is made: to remember every file would take more memory than all the rest.)
 */
export class OrderValidator {
  /** The directories that the last entry is in, outermost first, each with the last name seen in it. */
  readonly #open: { readonly path: ByteString; last: ByteString }[] = [{ path: "", last: "" }];

  readonly #onWindows: boolean = onWindows();

  /** Throws a protocol error for an entry that must not come here, and a `DestinationError` for one that cannot be here. */
  check(stat: FileStat): SplitPath {
    const { path } = stat;
    this.#assertClean(path);
    const slash = path.lastIndexOf("/");
    const directory = slash < 0 ? "" : path.slice(0, slash);
    const name = path.slice(slash + 1);
    this.#place(path, directory, name);
    if (isDirectory(stat.mode)) this.#open.push({ path, last: "" });
    else if (!isSymlink(stat.mode) && stat.linkname !== "") this.#assertClean(stat.linkname);
    return { directory, name };
  }

  #assertClean(path: ByteString): void {
    assertClean(path);
    const refusal = this.#onWindows ? windowsRefusal(path) : undefined;
    if (refusal === undefined) return;
    const text = toText(path);
    const advice = "export to a tar file instead, or leave the file out";
    throw new DestinationError(text, `cannot write "${text}": ${refusal}; ${advice}`);
  }

  #place(path: ByteString, directory: ByteString, name: ByteString): void {
    let parent = this.#open.at(-1);
    while (parent !== undefined && parent.path !== directory) {
      this.#open.pop();
      parent = this.#open.at(-1);
    }
    if (parent === undefined || name <= parent.last) {
      throw violation(path, "it is out of order, or its directory is missing");
    }
    parent.last = name;
  }
}

function assertClean(path: ByteString): void {
  if (isEntryPath(path)) return;
  if (path.startsWith("/")) throw violation(path, "it is absolute");
  if (path.split("/").includes("..")) throw violation(path, "it leads out of the directory");
  throw violation(path, "it is not a clean path");
}

function violation(path: ByteString, why: string): BuildkitError {
  return new BuildkitError(
    "ERR_BUILDKIT_PROTOCOL",
    `the daemon sent the entry "${toText(path)}", which is refused: ${why}; nothing was written for it`,
  );
}
