import { types as nodeTypes } from "node:util";
import { isFileTime } from "../fsutil/file-times.ts";
import type { VirtualStat, VirtualType } from "./virtual-directory.ts";

const types: ReadonlySet<string | undefined> = new Set<VirtualType | undefined>([
  undefined,
  "file",
  "directory",
  "symlink",
  "hardLink",
  "pipe",
  "characterDevice",
  "blockDevice",
]);

/** What is wrong with what a caller says of an entry; `undefined` if nothing is. */
export function statProblem(stat: VirtualStat): string | undefined {
  const { type, mode = 0, uid = 0, gid = 0, size = 0, mtime = 0n, deviceMajor = 0, deviceMinor = 0 } = stat;
  if (!types.has(type)) return `there is no type "${String(type)}"`;
  if (!isWhole(mode, 0o7777)) return "its mode is not one that chmod takes";
  if (!isWhole(size, Number.MAX_SAFE_INTEGER)) return "its size is not a number of bytes";
  const wrongTime = timeProblem(mtime);
  if (wrongTime !== undefined) return wrongTime;
  const ids = [uid, gid, deviceMajor, deviceMinor];
  if (!ids.every((id) => isWhole(id, 0xffffffff)))
    return "an id of its owner or device is not one of 32 bits";
  const needsTarget = type === "symlink" || type === "hardLink";
  return needsTarget && (stat.linkname ?? "").length === 0 ? "it is a link without a linkname" : undefined;
}

function timeProblem(time: Date | bigint): string | undefined {
  if (typeof time !== "bigint" && !nodeTypes.isDate(time)) return "its time is neither a Date nor a bigint";
  if (typeof time !== "bigint" && Number.isNaN(time.getTime())) return "its time is not a valid Date";
  if (isFileTime(nanoseconds(time))) return undefined;
  return "its time cannot be sent: it must lie between 1677-09-22 and 2262-04-11";
}

function isWhole(value: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && value <= max;
}

/** A time as nanoseconds since 1970. */
export function nanoseconds(time: Date | bigint): bigint {
  return typeof time === "bigint" ? time : BigInt(time.getTime()) * 1_000_000n;
}
