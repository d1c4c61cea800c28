import { spawn } from "node:child_process";
import { once } from "node:events";
import { within } from "@buildkit-node/core";

/**
 * Runs `work` while nobody else does so with the same lock file. A `flock` child holds the lock until its input ends,
 * so it is free again when this process is gone, however it went.
 */
export async function withLock<T>(file: string, onWait: () => void, work: () => Promise<T>): Promise<T> {
  const child = spawn("flock", [file, "sh", "-c", "echo locked; cat"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  try {
    const locked = Promise.race([
      once(child.stdout, "data"),
      exited.then(() => Promise.reject(new Error(`cannot lock ${file}`))),
    ]);
    if ((await within(locked, 1000)) === undefined) onWait();
    await locked;
    return await work();
  } finally {
    child.stdin.end();
    await exited;
  }
}
