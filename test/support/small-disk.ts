import { execFileSync } from "node:child_process";
import { mkdtempSync, rmdirSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { TestContext } from "vitest";

/** A file system in memory with room for so much, at a path of its own. Skips the test where none can be mounted. */
export function smallDisk(context: TestContext, sizeBytes: number): { readonly path: string } & Disposable {
  const place = mkdtempSync(path.join(os.tmpdir(), "bk-small-disk-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${sizeBytes}`, "small-disk", place], {
      stdio: "ignore",
    });
  } catch {
    rmdirSync(place);
    return context.skip("no file system can be mounted here");
  }
  return {
    path: place,
    [Symbol.dispose]: () => {
      execFileSync("umount", ["--lazy", place]);
      rmdirSync(place);
    },
  };
}
