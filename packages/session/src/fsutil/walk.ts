import type { ByteString } from "./byte-string.ts";
import { isDirectory } from "./file-mode.ts";
import type { DirectoryMatch, PathFilter } from "./path-filter.ts";
import type { Listing, Tree, TreeEntry } from "./tree.ts";
import { Turn } from "./turn.ts";

/** Entries in one lot. */
const lotSize = 512;

/**
 * The entries of a tree that the filter lets through, in the order of the protocol: a few at a time, and others are let
 * run in between.
 */
export async function* walkInLots<File>(
  tree: Tree<File>,
  filter: PathFilter,
): AsyncGenerator<readonly TreeEntry<File>[], void> {
  let lot: TreeEntry<File>[] = [];
  const turn = new Turn();
  for (const entry of walk(tree, filter)) {
    if (entry !== undefined) lot.push(entry);
    if (lot.length < lotSize && !turn.over) continue;
    if (lot.length > 0) yield lot;
    lot = [];
    if (turn.over) await turn.next();
  }
  if (lot.length > 0) yield lot;
}

/** Works at once and never waits: `undefined` is a moment to let others run. */
function* walk<File>(tree: Tree<File>, filter: PathFilter): Generator<TreeEntry<File> | undefined, void> {
  const stack: OpenDirectory<File>[] = [
    { prefix: "", match: undefined, listing: yield* tree.list(""), next: 0, unsent: undefined },
  ];
  for (let directory = stack.at(-1); directory !== undefined; directory = stack.at(-1)) {
    const name = directory.listing?.names[directory.next++];
    if (name === undefined) {
      stack.pop();
      continue;
    }
    const path = directory.prefix + name;
    const verdict = filter.check(path, directory.match);
    const mayDescend = verdict.descend && directory.listing?.directories.has(name) === true;
    if (!verdict.sent && !mayDescend) continue;
    const entry = tree.describe(path);
    if (entry === undefined) continue;
    if (verdict.sent) {
      // Directories that match nothing themselves are sent once something in them is.
      for (const parent of stack) {
        if (parent.unsent !== undefined) yield parent.unsent;
        parent.unsent = undefined;
      }
      yield entry;
    }
    if (!isDirectory(entry.stat.mode) || !verdict.descend) continue;
    stack.push({
      prefix: `${path}/`,
      match: verdict.match,
      listing: yield* tree.list(path, !verdict.sent),
      next: 0,
      unsent: verdict.sent ? undefined : entry,
    });
  }
}

interface OpenDirectory<File> {
  /** The path with a `/` behind it; empty for the root. */
  readonly prefix: ByteString;
  readonly match: DirectoryMatch | undefined;
  readonly listing: Listing | undefined;
  next: number;
  /** The directory's own entry while it has not been sent. */
  unsent: TreeEntry<File> | undefined;
}
