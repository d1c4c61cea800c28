/** What is shortened in a rooted path: an empty part, `.` or `..`. */
const unclean = /\/\.{0,2}(?:\/|$)/;

/** Shortens a slash path: no `//`, `.` or trailing slash, `..` resolved; the empty path is `.`. */
export function cleanPath(path: string): string {
  const rooted = path.startsWith("/");
  if (rooted && !unclean.test(path)) {
    return path;
  }
  const kept: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") {
      if (kept.length > 0 && kept.at(-1) !== "..") {
        kept.pop();
      } else if (!rooted) {
        kept.push(part);
      }
    } else if (part !== "" && part !== ".") {
      kept.push(part);
    }
  }
  return rooted ? `/${kept.join("/")}` : kept.join("/") || ".";
}

/** Joins paths and cleans the result; empty ones count for nothing. */
export function joinPaths(...paths: readonly string[]): string {
  return cleanPath(paths.filter((path) => path !== "").join("/"));
}

/** A path as file actions carry it: absolute, relative ones below `dir`. */
export function absolutePath(dir: string, path: string): string {
  const clean = cleanPath(path);
  return clean.startsWith("/") ? clean : joinPaths("/", dir, clean);
}

/** Like {@link absolutePath}, but a `/` or `/.` at the end stays: it says that the path names a directory. */
export function destinationPath(dir: string, path: string): string {
  const absolute = absolutePath(dir, path);
  const slash = absolute.endsWith("/") ? "" : "/";
  if (path.endsWith("/")) {
    return absolute + slash;
  }
  return path.endsWith("/.") ? `${absolute}${slash}.` : absolute;
}

/** A directory given relative to another one; an absolute one is kept as it was written. */
export function dirBelow(dir: string, path: string): string {
  return path.startsWith("/") ? path : joinPaths(dir, path);
}
