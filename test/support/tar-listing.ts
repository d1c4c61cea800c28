import { execFileSync } from "node:child_process";

/**
 * What a tar archive holds, a line for each entry: type and mode, owner, size, time, name, link target; and the digest of
 * each file's content.
 */
export function tarListing(file: string): { readonly entries: string[]; readonly contents: string[] } {
  const format = ["--numeric-owner", "--full-time", "--quoting-style=escape"];
  const listed = execFileSync("tar", ["-tvf", file, ...format], { encoding: "latin1" });
  const hashed = execFileSync(
    "tar",
    ["-xf", file, '--to-command=sha256sum; printf "%s\\n" "$TAR_FILENAME"'],
    {
      encoding: "latin1",
    },
  );
  // Columns are padded to the widest entry.
  const entries = listed.split("\n").map((line) => line.replace(/^(\S+) (\S+)\s+/, "$1 $2 "));
  return { entries: entries.filter((line) => line !== "").sort(), contents: hashed.split("\n") };
}
