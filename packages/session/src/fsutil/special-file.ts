import { promisify } from "node:util";
import { Mode } from "./file-mode.ts";
import type { FileStat } from "./stat.ts";

/** Makes a named pipe or a device with the system's own tools, as Node has no call for it. */
export async function makeSpecialFile(path: string, stat: FileStat): Promise<void> {
  const { execFile } = await import("node:child_process");
  const run = promisify(execFile);
  if (stat.mode & Mode.namedPipe) {
    await run("mkfifo", ["-m", "600", "--", path]);
    return;
  }
  const type = stat.mode & Mode.characterDevice ? "c" : "b";
  await run("mknod", ["-m", "600", "--", path, type, String(stat.deviceMajor), String(stat.deviceMinor)]);
}
