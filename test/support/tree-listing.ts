import { lstatSync, readdirSync, readlinkSync } from "node:fs";
import path from "node:path";

/** What can be compared of an entry of a directory. */
export interface ListedEntry {
  readonly path: string;
  /** Type and permissions, as Unix has them, in octal. */
  readonly mode: string;
  readonly owner: string;
  /** Of files; directories have sizes of their own on each file system. */
  readonly size: bigint;
  readonly target: string;
  /** The first path, by order, with which a file shares its contents; its own where there is none. */
  readonly sharedWith: string;
  readonly device: bigint;
  readonly mtimeNs: bigint;
}

/** Everything in a directory, by path; names in the form of their bytes. */
export function treeListing(root: string): readonly ListedEntry[] {
  const names = readdirSync(root, { recursive: true, encoding: "latin1" }).sort();
  const first = new Map<bigint, string>();
  return names.map((name) => {
    const full = Buffer.from(path.join(root, name), "latin1");
    const stat = lstatSync(full, { bigint: true });
    if (!first.has(stat.ino)) first.set(stat.ino, name);
    return {
      path: name,
      mode: stat.mode.toString(8),
      owner: `${stat.uid}:${stat.gid}`,
      size: stat.isDirectory() ? 0n : stat.size,
      target: stat.isSymbolicLink() ? readlinkSync(full, "latin1") : "",
      sharedWith: first.get(stat.ino) ?? name,
      device: stat.rdev,
      mtimeNs: stat.mtimeNs,
    };
  });
}
