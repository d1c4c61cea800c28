import { constants } from "node:fs";
import { access } from "node:fs/promises";
import path from "node:path";

/** Where administrators' programs are, also when `PATH` is an ordinary user's. */
const systemFolders = ["/usr/sbin", "/sbin", "/usr/local/sbin"];

/** The folders that programs are searched in, in order. */
export function searchPath(folders: readonly string[] = []): readonly string[] {
  const fromEnvironment = (process.env["PATH"] ?? "").split(path.delimiter).filter((folder) => folder !== "");
  return [...new Set([...folders, ...fromEnvironment, ...systemFolders])];
}

/** The first program of this name, or undefined. */
export async function findProgram(name: string, folders: readonly string[]): Promise<string | undefined> {
  for (const folder of folders) {
    const file = path.resolve(folder, name);
    try {
      await access(file, constants.X_OK);
      return file;
    } catch {
      // Not here.
    }
  }
  return undefined;
}
