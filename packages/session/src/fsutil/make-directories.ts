import fs from "node:fs";
import path from "node:path";
import { systemCode } from "./local-source-error.ts";

/**
 * Makes a directory and those that it lies in, and answers the ones that were not there, outermost first. Nothing is left
 * of them on failure. (The recursive `mkdir` of Node never ends where a file system answers ENOENT below a directory that
 * is there, as `/proc` does.) `mode` is what they may have of permissions, less the umask.
 */
export function makeDirectories(directory: string, mode = 0o755): readonly string[] {
  if (isDirectory(directory)) return [];
  const parent = path.dirname(directory);
  const made = parent === directory ? [] : makeDirectories(parent, mode);
  try {
    fs.mkdirSync(directory, mode);
    return [...made, directory];
  } catch (error) {
    if (systemCode(error) === "EEXIST" && isDirectory(directory)) return made;
    removeEmptyDirectories(made);
    throw error;
  }
}

/** The permissions of an image layout's directories, where a group may share it by its umask. */
export const layoutMode = 0o777;

/** Takes directories away that are empty. In the order in which `makeDirectories` answers them. */
export function removeEmptyDirectories(directories: readonly string[]): void {
  for (const directory of [...directories].reverse()) {
    try {
      fs.rmdirSync(directory);
    } catch {
      // Somebody has put something into it, and it is theirs now.
      return;
    }
  }
}

function isDirectory(directory: string): boolean {
  return fs.statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true;
}
