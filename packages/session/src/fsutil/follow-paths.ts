import { type ByteString, toCharacters } from "./byte-string.ts";
import { cleanPath, globMatcher, hasWildcard } from "./pattern.ts";
import type { Tree } from "./tree.ts";
import { onWindows, withoutDrive } from "./windows-files.ts";

/** What links are looked up in. */
type Links = Pick<Tree<unknown>, "list" | "readLink">;

/** Links on the way to one path; a longer chain, such as that of a link into itself, is given up there, as on Linux. */
const maxLinks = 40;

/**
 * The paths of a tree that one must have to open each of `paths`: every symlink on the way and what it leads to,
 * within the tree. Wildcards are tried against what is there. A path that does not exist is kept as it is.
 * `undefined` when one of them is the root itself, so that everything is needed.
 *
 * The Go client follows each link once, so that of several paths through one link it sends the first alone.
 */
export function followPaths(tree: Links, paths: readonly ByteString[]): ByteString[] | undefined {
  const search: Search = { tree, needed: new Set(), followed: new Set() };
  for (const path of paths) {
    const cleaned = cleanPath(`./${path}`);
    // What is asked for outside the root does not exist; only a link's target is taken to end at the root.
    if (cleaned === ".." || cleaned.startsWith("../")) search.needed.add(cleaned);
    else follow(search, cleaned, maxLinks);
  }
  return search.needed.has(".") ? undefined : [...search.needed].sort();
}

interface Search {
  readonly tree: Links;
  readonly needed: Set<ByteString>;
  /** The paths that were looked into, so that none is twice. */
  readonly followed: Set<ByteString>;
}

function follow(search: Search, path: ByteString, linksLeft: number): void {
  const components = cleanPath(`/${path}`).slice(1).split("/");
  const whole = components.join("/");
  if (linksLeft === 0 || search.followed.has(whole)) return;
  search.followed.add(whole);
  for (let count = 1; count <= components.length; count++) {
    const reached = components.slice(0, count).join("/");
    const targets = linkTargets(search.tree, reached);
    if (targets === undefined && count < components.length) continue;
    search.needed.add(reached === "" ? "." : reached);
    const rest = components.slice(count).join("/");
    for (const target of targets ?? []) follow(search, `${target}/${rest}`, linksLeft - 1);
    return;
  }
}

/** Where the symlinks lead that `path` names, from the root; `undefined` if it names none. */
function linkTargets(tree: Links, path: ByteString): ByteString[] | undefined {
  const slash = path.lastIndexOf("/");
  const directory = slash < 0 ? "" : path.slice(0, slash);
  const name = path.slice(slash + 1);
  if (!hasWildcard(name)) {
    const target = tree.readLink(path);
    return target === undefined ? undefined : [fromRoot(directory, target)];
  }
  const matches = globMatcher(toCharacters(name));
  const targets = list(tree, directory).flatMap((entry) => {
    if (!matches(toCharacters(entry))) return [];
    const target = tree.readLink(directory === "" ? entry : `${directory}/${entry}`);
    return target === undefined ? [] : [fromRoot(directory, target)];
  });
  return targets.length === 0 ? undefined : targets;
}

function fromRoot(directory: ByteString, given: ByteString): ByteString {
  const target = onWindows() ? withoutDrive(given) : given;
  return cleanPath(target.startsWith("/") ? target : `/${directory}/${target}`);
}

function list(tree: Links, directory: ByteString): readonly ByteString[] {
  const listing = tree.list(directory);
  for (let step = listing.next(); ; step = listing.next())
    if (step.done === true) return step.value?.names ?? [];
}

/** The include patterns that a daemon's include patterns and follow paths stand for together. */
export function includePatterns(
  tree: Links,
  include: readonly ByteString[],
  follow: readonly ByteString[],
): ByteString[] {
  if (follow.length === 0) return [...include];
  const targets = followPaths(tree, follow);
  if (targets === undefined) return [...include];
  return include.includes(".") ? [] : [...include, ...targets];
}
