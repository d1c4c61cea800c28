import { copy, mkdir, mkfile, type State, scratch, staged } from "@buildkit-node/llb";
import { describeGraphs, step } from "../../support/graph-cases.ts";

/** What is copied from. */
const files: State = scratch().file([
  mkdir("/src/sub", { parents: true }),
  mkfile("/src/a.txt", "a\n", { mode: 0o640, owner: "5:6" }),
  mkfile("/src/b.txt", "b\n"),
  mkfile("/src/c.md", "c\n"),
  mkfile("/src/sub/d.txt", "d\n"),
]);

/** What is copied to, with names for owners that the source does not have. */
const target: State = scratch().file([
  mkdir("/etc"),
  mkfile("/etc/passwd", "app:x:1000:1001::/:\n"),
  mkfile("/etc/group", "staff:x:2000:\n"),
]);

const stat = (path: string) => `stat -c '%a %u:%g' ${path}`;
const list = (path: string) => `find ${path} | sort | xargs`;
const patterns = ["file.copy.includeexcludepatterns"];

describeGraphs("copy", {
  "a file, with its mode and owner": {
    state: () => scratch().file(copy(files, "/src/a.txt", "/copied")),
    look: `cat copied; ${stat("copied")}`,
    prints: "a\n640 5:6",
  },
  "a file into a directory, which the slash at the end names": {
    state: () => scratch().file([mkdir("/to"), copy(files, "/src/a.txt", "/to/")]),
    look: list("to"),
    prints: "to to/a.txt",
  },
  "a directory with all that is in it": {
    state: () => scratch().file(copy(files, "/src", "/to")),
    look: list("to"),
    prints: "to to/a.txt to/b.txt to/c.md to/sub to/sub/d.txt",
  },
  "a directory into one that is there": {
    state: () => scratch().file([mkdir("/to"), copy(files, "/src", "/to")]),
    look: list("to"),
    prints: "to to/src to/src/a.txt to/src/b.txt to/src/c.md to/src/sub to/src/sub/d.txt",
  },
  "contentsOnly: what is in a directory into one that is there": {
    state: () => scratch().file([mkdir("/to"), copy(files, "/src", "/to", { contentsOnly: true })]),
    look: list("to"),
    prints: "to to/a.txt to/b.txt to/c.md to/sub to/sub/d.txt",
  },
  "mode as a number": {
    state: () => scratch().file(copy(files, "/src/a.txt", "/f", { mode: 0o4755 })),
    look: stat("f"),
    prints: "4755 5:6",
  },
  "mode as a change": {
    state: () => scratch().file(copy(files, "/src/a.txt", "/f", { mode: "u=rwx,go=rX" })),
    look: stat("f"),
    prints: "744 5:6",
    // Came with BuildKit 0.17 and without a capability; this one is of BuildKit 0.18.
    needs: ["source.local.metadatatransfer"],
  },
  "owner by names of the target": {
    state: () => target.file(copy(files, "/src/a.txt", "/f", { owner: "app:staff" })),
    look: stat("f"),
    prints: "640 1000:2000",
  },
  "owner of a whole tree by ids": {
    state: () => scratch().file(copy(files, "/src", "/to", { owner: { user: 3, group: 4 } })),
    look: `${stat("to")}; ${stat("to/sub/d.txt")}`,
    prints: "755 3:4\n644 3:4",
  },
  createdAt: {
    state: () => scratch().file(copy(files, "/src/a.txt", "/f", { createdAt: new Date(1_000_000_000_000) })),
    look: "stat -c %Y f",
    prints: "1000000000",
  },
  "createDestPath: the directories above": {
    state: () => scratch().file(copy(files, "/src/a.txt", "/x/y/f", { createDestPath: true })),
    look: "cat x/y/f",
    prints: "a",
  },
  "without createDestPath, needs the directory above": {
    state: () => scratch().file(copy(files, "/src/a.txt", "/x/y/f")),
    fails: /no such file|not exist/,
  },
  "wildcard: all that a pattern matches": {
    state: () => scratch().file([mkdir("/to"), copy(files, "/src/*.txt", "/to/", { wildcard: true })]),
    look: list("to"),
    prints: "to to/a.txt to/b.txt",
  },
  "wildcard: a pattern that matches nothing fails": {
    state: () => scratch().file(copy(files, "/src/*.zip", "/to/", { wildcard: true, createDestPath: true })),
    fails: /not found|no such file|no source/i,
  },
  "allowEmptyWildcard: a pattern may match nothing": {
    state: () =>
      scratch().file([
        mkfile("/there", ""),
        copy(files, "/src/*.zip", "/to/", { wildcard: true, allowEmptyWildcard: true, createDestPath: true }),
      ]),
    look: "ls there",
    prints: "there",
  },
  "include: only what a pattern matches": {
    state: () => scratch().file(copy(files, "/src", "/to", { include: ["**/*.txt"], contentsOnly: true })),
    look: list("to"),
    prints: "to to/a.txt to/b.txt to/sub to/sub/d.txt",
    needs: patterns,
  },
  "exclude: all but what a pattern matches": {
    state: () => scratch().file(copy(files, "/src", "/to", { exclude: ["sub", "*.md"], contentsOnly: true })),
    look: list("to"),
    prints: "to to/a.txt to/b.txt",
    needs: patterns,
  },
  "requiredPaths that are there": {
    state: () =>
      scratch().file(
        copy(files, "/src", "/to", { include: ["a.txt"], requiredPaths: ["/src/a.txt"], contentsOnly: true }),
      ),
    look: list("to"),
    prints: "to to/a.txt",
    needs: ["file.copy.requiredpaths"],
  },
  "requiredPaths that are missing fail": {
    state: () =>
      scratch().file(
        copy(files, "/src", "/to", { include: ["*.zip"], requiredPaths: ["/src/x.zip"], contentsOnly: true }),
      ),
    fails: /x\.zip/,
    needs: ["file.copy.requiredpaths"],
  },
  "followSymlinks: what a link points to": {
    state: () => {
      const linked = step("cd /out; echo text >file; ln -s file link");
      return scratch().file(copy(linked, "/link", "/f", { followSymlinks: true }));
    },
    look: "stat -c %F f; cat f",
    prints: "regular file\ntext",
  },
  "without followSymlinks, the link itself": {
    state: () => scratch().file(copy(step("cd /out; ln -s file link"), "/link", "/f")),
    look: "readlink f",
    prints: "file",
  },
  "attemptUnpack: what is in an archive": {
    state: () => {
      const archive = step("cd /out; mkdir d; echo text >d/f; tar -czf a.tar.gz d");
      return scratch().file(
        copy(archive, "/a.tar.gz", "/to/", { attemptUnpack: true, createDestPath: true }),
      );
    },
    look: `${list("to")}; cat to/d/f`,
    prints: "to to/d to/d/f\ntext",
  },
  "attemptUnpack: another file as it is": {
    state: () =>
      scratch().file(copy(files, "/src/a.txt", "/to/", { attemptUnpack: true, createDestPath: true })),
    look: "cat to/a.txt",
    prints: "a",
  },
  "alwaysReplaceExisting: a file in the place of a directory": {
    state: () =>
      scratch().file([
        mkdir("/f/sub", { parents: true }),
        mkdir("/from"),
        copy(scratch().file(mkfile("/f", "text")), "/", "/", {
          contentsOnly: true,
          alwaysReplaceExisting: true,
        }),
      ]),
    look: "cat f",
    prints: "text",
    needs: ["file.copy.alwaysreplaceexistingdestpaths"],
  },
  "without alwaysReplaceExisting, a file does not replace a directory": {
    state: () =>
      scratch().file([
        mkdir("/f"),
        copy(scratch().file(mkfile("/f", "text")), "/", "/", { contentsOnly: true }),
      ]),
    fails: /director/,
  },
  "relative paths below the directories of both states": {
    state: () =>
      scratch()
        .dir("/to")
        .file(copy(files.dir("/src"), "sub/d.txt", "deep/f", { createDestPath: true })),
    look: "cat to/deep/f",
    prints: "d",
  },
  "from actions that are carried out on the way": {
    state: () => {
      const made = staged(files, [mkdir("/more"), mkfile("/more/f", "more\n")]);
      return scratch().file([copy(made, "/more/f", "/f"), copy(made, "/src/a.txt", "/a")]);
    },
    look: "cat f a; ls",
    prints: "more\na\na\nf",
  },
});
