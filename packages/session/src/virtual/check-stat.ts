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
  const { type, mode = 0, uid = 0, gid = 0, size = 0, mtime, deviceMajor = 0, deviceMinor = 0 } = stat;
  if (!types.has(type)) return `there is no type "${String(type)}"`;
  if (!isWhole(mode, 0o7777)) return "its mode is not one that chmod takes";
  if (!isWhole(size, Number.MAX_SAFE_INTEGER)) return "its size is not a number of bytes";
  if (mtime instanceof Date && Number.isNaN(mtime.getTime())) return "its time is not a date";
  const ids = [uid, gid, deviceMajor, deviceMinor];
  if (!ids.every((id) => isWhole(id, 0xffffffff)))
    return "an id of its owner or device is not one of 32 bits";
  const needsTarget = type === "symlink" || type === "hardLink";
  return needsTarget && (stat.linkname ?? "").length === 0 ? "it is a link without a linkname" : undefined;
}

function isWhole(value: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && value <= max;
}
