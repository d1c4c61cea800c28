import { execFileSync } from "node:child_process";
import { linkSync, lutimesSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";

/** A directory of everything that a context may hold and that a careless client gets wrong. */
export function makeOddTree(root: string): void {
  const at = (name: string) => path.join(root, name);
  mkdirSync(at("with space/deeper"), { recursive: true });
  mkdirSync(at("empty"));
  mkdirSync(at("kept/inner"), { recursive: true });
  const texts: Readonly<Record<string, string>> = {
    "with space/a, b and c.txt": "commas and spaces",
    "with space/deeper/x": "deep",
    // Siblings whose order differs between a directory's walk and a sort of whole paths.
    sort: "",
    "sort-dash": "-",
    "sort.dot": ".",
    "😀.txt": "emoji: last by UTF-8, first by UTF-16",
    "\uff5e.txt": "fullwidth tilde",
    ünïcode: "umlauts",
    "kept/inner/file": "kept by a negated rule",
    "dropped-17": "dropped by a rule",
    "*literal*": "an asterisk in the name",
    "back\\slash": "a backslash in the name",
    ".dockerignore": rules().join("\n"),
  };
  for (const [name, text] of Object.entries(texts)) writeFileSync(at(name), text);
  mkdirSync(at("sorted"));
  for (const name of ["a", "a-b", "a.txt"]) writeFileSync(at(`sorted/${name}-file`), name);
  mkdirSync(at("sorted/a"));
  writeFileSync(at("sorted/a/f"), "below a");

  writeFileSync(at("executable"), "#!/bin/sh\n", { mode: 0o755 });
  execFileSync("chmod", ["4755", at("executable")]);
  writeFileSync(at("secret"), "only for the owner", { mode: 0o600 });
  mkdirSync(at("sticky"));
  execFileSync("chmod", ["1777", at("sticky")]);

  symlinkSync("with space/deeper/x", at("link"));
  symlinkSync("nowhere", at("dangling"));
  symlinkSync("/etc/passwd", at("absolute"));
  lutimesSync(at("link"), 1_000_000_000.25, 1_000_000_000.25);
  linkSync(at("secret"), at("with space/same as secret"));
  linkSync(at("secret"), at("zzz-same"));
  utimesSync(at("executable"), 1_234_567_890.123456, 1_234_567_890.123456);

  execFileSync("mkfifo", [at("fifo")]);
  leaveSocket(at("socket"));
}

/** Five hundred rules: most match nothing, some do, and one takes back. */
function rules(): string[] {
  const none = Array.from({ length: 490 }, (_, i) => `no/such/path-${i}/**/*.{o,tmp}`);
  return [
    ...none,
    "dropped-*",
    "# a comment",
    "",
    "kept/*",
    "!kept/inner",
    "**/*.never",
    "/leading-slash",
    "trailing/",
    " padded ",
  ];
}

/** A socket file that nobody listens on any more. */
function leaveSocket(file: string): void {
  const holder = `require("node:net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))`;
  try {
    execFileSync(process.execPath, ["-e", holder, file]);
  } catch {
    // It has killed itself: that is how the file stays.
  }
}
