import type { ByteString } from "./byte-string.ts";

/** What no path of an entry has: a slash at an end, an empty component, `.` or `..`, a NUL. */
const unclean = /^\/|(?:^|\/)\.{0,2}(?:\/|$)|\0/;

/** Whether a path is relative, stays below where it begins, and is written in the only way in which it travels. */
export function isEntryPath(path: ByteString): boolean {
  return !unclean.test(path);
}
