import type { Stats } from "node:fs";
import { access, constants, lstat, realpath, stat } from "node:fs/promises";
import path from "node:path";
import { errorMessage, InvalidArgumentError } from "@buildkit-node/core";
import { type ByteDestination, DestinationError } from "@buildkit-node/session";
import type { ExportDestination } from "./exporter.ts";

/** What an exporter of bytes says about where they go. */
export function destinationOf(dest: ByteDestination): { readonly destination?: ExportDestination } {
  if (typeof dest === "function") return {};
  if (typeof dest !== "string") return { destination: { kind: "stream", stream: dest } };
  return { destination: { kind: "file", path: path.resolve(dest) } };
}

/** Throws unless a file can be written at `dest`, whose directory must be there. */
export async function checkFileDestination(dest: ByteDestination): Promise<void> {
  if (typeof dest !== "string") return;
  if (dest === "") throw new InvalidArgumentError("dest", dest, "dest is empty: give a path or a stream");
  const existing = await lookAt(dest, dest);
  if (existing?.isDirectory() === true) {
    throw new DestinationError(dest, `cannot write ${dest}: it is a directory; give the path of a file`);
  }
  // A device or a named pipe is not replaced.
  if (existing !== undefined && !existing.isFile()) return;
  const place = await realpath(dest).catch(() => path.resolve(dest));
  await checkWritable(path.dirname(place), dest);
}

/** Throws unless files can be written below `dest`, which need not be there yet. */
export async function checkDirectoryDestination(dest: string): Promise<void> {
  if (dest === "")
    throw new InvalidArgumentError("dest", dest, "dest is empty: give the path of a directory");
  for (let directory = path.resolve(dest); ; directory = path.dirname(directory)) {
    const existing = await lookAt(directory, dest);
    if (existing === undefined && directory !== path.dirname(directory)) {
      if ((await lstat(directory).catch(() => undefined)) === undefined) continue;
      throw new DestinationError(dest, `cannot write to ${dest}: ${directory} is a link that leads nowhere`);
    }
    if (existing?.isDirectory() !== true) {
      throw new DestinationError(dest, `cannot write to ${dest}: ${directory} is not a directory`);
    }
    await checkWritable(directory, dest);
    return;
  }
}

/** What there is of a path; `undefined` for nothing. */
async function lookAt(path: string, dest: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw new DestinationError(dest, `cannot write ${dest}: ${errorMessage(cause)}`, { cause });
  }
}

async function checkWritable(directory: string, dest: string): Promise<void> {
  try {
    await access(directory, constants.W_OK | constants.X_OK);
  } catch (cause) {
    const why = isMissing(cause) ? `there is no directory ${directory}` : `${directory} is not writable`;
    throw new DestinationError(dest, `cannot write ${dest}: ${why}`, { cause });
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
}
