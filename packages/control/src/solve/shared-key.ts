import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";

/**
 * A key for directories of this machine: the same for the same directories, and no other's. The daemon keeps what it was
 * sent under the key, and asks next time only for the files whose name, size or time have changed: directories that
 * shared a key could be taken for each other.
 */
export function sharedKeyOf(directories: Readonly<Record<string, string>>): string {
  const names = Object.keys(directories).sort();
  const places = names.map((name) => [name, path.resolve(directories[name] ?? "")]);
  const identity = JSON.stringify([os.hostname(), machineId(), os.userInfo().uid, places]);
  return createHash("sha256").update(identity).digest("hex");
}

/** What tells machines apart that bear the same name; empty where there is no such file. */
function machineId(): string {
  try {
    return readFileSync("/etc/machine-id", "utf8").trim();
  } catch {
    return "";
  }
}
