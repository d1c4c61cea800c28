import path from "node:path";
import { receiveTree } from "../fsutil/receive-tree.ts";
import { type Ownership, TreeWriter } from "../fsutil/tree-writer.ts";
import type { ExportSink } from "./export-sink.ts";

export interface DirectorySinkOptions {
  /** The directory; made if there is none. What is in it already stays. */
  readonly dest: string;
  /** Who owns what is written; "self" by default. */
  readonly ownership?: Ownership;
}

/** Writes a `local` exporter's files into a directory. */
export function directorySink(options: DirectorySinkOptions): ExportSink {
  const dest = path.resolve(options.dest);
  const writers: TreeWriter[] = [];
  return {
    async receive(call) {
      const writer = new TreeWriter({ dest, ownership: options.ownership ?? "self" });
      writers.push(writer);
      try {
        await receiveTree(call, writer);
      } catch (error) {
        writer.discard();
        throw error;
      }
    },
    async commit() {
      writers.length = 0;
    },
    async discard() {
      for (const writer of writers.splice(0).reverse()) writer.discard();
    },
  };
}
