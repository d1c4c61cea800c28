import fs from "node:fs";
import type { ByteString } from "./byte-string.ts";
import type { Destination, Place } from "./destination.ts";
import type { Directory } from "./directory-handles.ts";

/**
 * Finds what is in a destination and not in the tree that is written to it. Entries come in the order of the protocol, so
 * that a directory's names need be remembered only until the walk has left it.
 */
export class ObsoleteEntries {
  readonly #destination: Destination;
  /** The directories that the last entry is in, outermost first, with the names in them that have not come. */
  readonly #open: { readonly directory: Directory; readonly names: Set<ByteString> }[] = [];
  readonly #found: Place[] = [];

  constructor(destination: Destination) {
    this.#destination = destination;
  }

  /** Looks at what is in a directory that was there before, before anything is written to it. */
  enter(directory: Directory): void {
    this.#leaveUntil(directory.parent);
    const path = this.#destination.entry({ directory, name: "." });
    this.#open.push({ directory, names: new Set(fs.readdirSync(path, "latin1")) });
  }

  /** The tree has this entry. */
  keep({ directory, name }: Place): void {
    this.#leaveUntil(directory);
    const last = this.#open.at(-1);
    if (last?.directory === directory) last.names.delete(name);
  }

  /** What the tree does not have, once it is complete: a directory stands for all that is in it. */
  found(): readonly Place[] {
    this.#leaveUntil(undefined);
    return this.#found;
  }

  /** Closes the directories that `directory` does not lie in, and that are not `directory` itself. */
  #leaveUntil(directory: Directory | undefined): void {
    for (let last = this.#open.at(-1); last !== undefined; last = this.#open.at(-1)) {
      if (contains(last.directory, directory)) return;
      this.#open.pop();
      for (const name of last.names) this.#found.push({ directory: last.directory, name });
    }
  }
}

function contains(outer: Directory, inner: Directory | undefined): boolean {
  for (let at = inner; at !== undefined; at = at.parent) if (at === outer) return true;
  return false;
}
