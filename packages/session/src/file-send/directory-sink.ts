import fs from "node:fs";
import path from "node:path";
import { BuildkitError, UnsupportedError } from "@buildkit-node/core";
import type { ServerCall } from "@buildkit-node/transport";
import { cannotWrite, DestinationError, notReceived } from "../fsutil/destination-error.ts";
import type { Ownership } from "../fsutil/entry-metadata.ts";
import type { TreeWriter } from "../fsutil/tree-writer.ts";
import type { ExportSink } from "./export-sink.ts";
import { partialPath } from "./partial-path.ts";

export interface DirectorySinkOptions {
  /** The directory; made if there is none. */
  readonly dest: string;
  /** Who owns what is written; "self" by default. */
  readonly ownership?: Ownership;
  /**
   * What becomes of what is in the directory already: "copy", the default, leaves it; "delete" removes what the result does
   * not have, once all of the result is there. The exporter's attribute `mode` must say the same (BuildKit 0.31).
   */
  readonly mode?: LocalMode;
}

/** Whether a directory keeps what the result does not have. */
export type LocalMode = "copy" | "delete";

/** Set by daemons that send the result of all platforms in one stream when something is to be deleted. */
const wholeResultKey = "buildkit-exporter-multi-platform";

/**
 * Writes a `local` exporter's files into a directory. One that is there is filled in place, file by file. One that is not is
 * written beside its place, under a name that ends in `.partial`, and gets its own when the build has succeeded: a process that
 * is killed leaves nothing under that name.
 */
export function directorySink(options: DirectorySinkOptions): ExportSink {
  const dest = path.resolve(options.dest);
  const { ownership = "self", mode = "copy" } = options;
  const deletes = mode === "delete";
  const writers: TreeWriter[] = [];
  let partial: string | undefined;
  const discard = (): void => {
    for (const writer of writers.splice(0).reverse()) writer.discard();
  };
  return {
    async receive(call) {
      if (deletes) assertWholeResult(call);
      const { receiveTree, TreeWriter } = await import("./receiving.ts");
      if (writers.length === 0 && !isThere(dest)) partial = partialPath(dest);
      const writer = new TreeWriter({ dest: partial ?? dest, shown: dest, ownership, deletes });
      writers.push(writer);
      try {
        await receiveTree(call, writer);
      } catch (error) {
        writer.discard();
        throw error;
      }
    },
    async commit() {
      if (writers.length === 0) throw notReceived(dest);
      try {
        if (partial !== undefined) await giveName(partial, dest, deletes);
        writers.length = 0;
      } catch (error) {
        discard();
        throw BuildkitError.is(error) ? error : cannotWrite(dest, error);
      }
    },
    async discard() {
      discard();
    },
  };
}

/** Also of a link that leads nowhere, and of what may not be looked at. */
function isThere(dest: string): boolean {
  try {
    return fs.lstatSync(dest, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return true;
  }
}

async function giveName(partial: string, dest: string, deletes: boolean): Promise<void> {
  const { moveDirectory } = await import("./receiving.ts");
  if (deletes && isThere(dest)) {
    const message = `cannot write ${dest}: somebody has made it during the build, and nothing in it was deleted`;
    throw new DestinationError(dest, message);
  }
  moveDirectory(partial, dest);
}

/** @throws {UnsupportedError} of a daemon whose stream may be one platform's, behind which the others' would be deleted */
function assertWholeResult({ metadata }: ServerCall): void {
  if (metadata.get(wholeResultKey) === "1") return;
  throw new UnsupportedError(
    wholeResultKey,
    "the local exporter's mode \"delete\" needs BuildKit 0.31: this daemon may send each platform's files for itself; nothing was deleted",
  );
}
