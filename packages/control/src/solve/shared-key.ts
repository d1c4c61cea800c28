import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { randomId } from "@buildkit-node/transport/internal";
import type { LocalSource } from "../session/session-options.ts";

/**
 * A key for directories of this machine: the same for the same directories, and no other's. The daemon keeps what it was
 * sent under the key, and asks next time only for the files whose name, size or time have changed: directories that
 * shared a key could be taken for each other. A virtual directory without an identity is another one in each build.
 */
export function sharedKeyOf(directories: Readonly<Record<string, LocalSource>>): string {
  const places = Object.entries(directories)
    .map(([name, source]) => [
      name,
      typeof source === "string" ? path.resolve(source) : { virtual: source.identity ?? randomId() },
    ])
    .sort(([one], [other]) => (String(one) < String(other) ? -1 : 1));
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
