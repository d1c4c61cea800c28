import fs from "node:fs";
import { type ByteString, toCharacters, toFsPath } from "./byte-string.ts";
import { cleanPath, globMatcher, hasWildcard } from "./pattern.ts";

/**
 * The paths below `root` that one must have to open each of `paths`: every symlink on the way and what it leads to,
 * within the root. Wildcards are tried against what is there. A path that does not exist is kept as it is.
 * `undefined` when one of them is the root itself, so that everything is needed.
 */
export function followPaths(root: ByteString, paths: readonly ByteString[]): ByteString[] | undefined {
  const resolved = new Set<ByteString>();
  for (const path of paths) {
    const cleaned = cleanPath(path);
    // What is asked for outside the root does not exist; only a link's target is taken to end at the root.
    if (cleaned === ".." || cleaned.startsWith("../")) resolved.add(cleaned);
    else follow(root, cleaned, resolved);
  }
  return resolved.has(".") ? undefined : [...resolved].sort();
}

function follow(root: ByteString, path: ByteString, resolved: Set<ByteString>): void {
  const components = cleanPath(`/${path}`).slice(1).split("/");
  let current = "";
  for (const [index, component] of components.entries()) {
    current = current === "" ? component : `${current}/${component}`;
    const isLast = index === components.length - 1;
    const targets = linkTargets(root, current);
    if (targets === undefined && !isLast) continue;
    const key = current === "" ? "." : current;
    if (resolved.has(key)) return;
    resolved.add(key);
    if (targets === undefined) return;
    const rest = components.slice(index + 1).join("/");
    for (const target of targets) follow(root, `${target}/${rest}`, resolved);
    return;
  }
}

/** Where the symlinks lead that `path` names, from the root; `undefined` if it names none. */
function linkTargets(root: ByteString, path: ByteString): ByteString[] | undefined {
  const slash = path.lastIndexOf("/");
  const directory = slash < 0 ? "" : path.slice(0, slash);
  const name = path.slice(slash + 1);
  if (!hasWildcard(name)) {
    const target = readLink(root, path);
    return target === undefined ? undefined : [fromRoot(directory, target)];
  }
  const matches = globMatcher(toCharacters(name));
  const targets = list(root, directory).flatMap((entry) => {
    if (!matches(toCharacters(entry))) return [];
    const target = readLink(root, directory === "" ? entry : `${directory}/${entry}`);
    return target === undefined ? [] : [fromRoot(directory, target)];
  });
  return targets.length === 0 ? undefined : targets;
}

function fromRoot(directory: ByteString, target: ByteString): ByteString {
  return cleanPath(target.startsWith("/") ? target : `/${directory}/${target}`);
}

function readLink(root: ByteString, path: ByteString): ByteString | undefined {
  try {
    return fs.readlinkSync(toFsPath(`${root}/${path}`), "latin1");
  } catch (error) {
    if (isNoLink(error)) return undefined;
    throw error;
  }
}

function list(root: ByteString, directory: ByteString): ByteString[] {
  try {
    return fs.readdirSync(toFsPath(`${root}/${directory}`), "latin1");
  } catch (error) {
    if (isNoLink(error)) return [];
    throw error;
  }
}

/** There is nothing of the name, or it is no link (`EINVAL`). */
function isNoLink(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "ENOENT" || code === "ENOTDIR" || code === "EINVAL";
}

/** The include patterns that a daemon's include patterns and follow paths stand for together. */
export function includePatterns(
  root: ByteString,
  include: readonly ByteString[],
  follow: readonly ByteString[],
): ByteString[] {
  if (follow.length === 0) return [...include];
  const targets = followPaths(root, follow);
  if (targets === undefined) return [...include];
  return include.includes(".") ? [] : [...include, ...targets];
}
