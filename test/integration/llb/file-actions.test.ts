import { mkdir, mkfile, rm, type State, scratch, symlink } from "@buildkit-node/llb";
import { describeGraphs } from "../../support/graph-cases.ts";

/** A small tree, with names for owners. */
const tree: State = scratch().file([
  mkdir("/etc"),
  mkfile("/etc/passwd", "app:x:1000:1001::/:\n"),
  mkfile("/etc/group", "staff:x:2000:\n"),
  mkdir("/d"),
  mkfile("/d/one", "one\n"),
  mkfile("/d/two", "two\n"),
  mkfile("/top", "top\n"),
]);

const stat = (path: string) => `stat -c '%a %u:%g' ${path}`;
/** Symbolic links came with BuildKit 0.15, and their ops name no capability. */
const links = ["file.symlink.create"];

describeGraphs("mkdir", {
  "makes a directory that is root's": {
    state: () => scratch().file(mkdir("/d")),
    look: stat("d"),
    prints: "755 0:0",
  },
  "with mode and owner by id": {
    state: () => scratch().file(mkdir("/d", { mode: 0o700, owner: "1000:1001" })),
    look: stat("d"),
    prints: "700 1000:1001",
  },
  "with a user by name and a group by id": {
    state: () => tree.file(mkdir("/new", { owner: { user: "app", group: 7 } })),
    look: stat("new"),
    prints: "755 1000:7",
  },
  "with the directories above": {
    state: () => scratch().file(mkdir("/a/b/c", { mode: 0o711, parents: true })),
    look: `${stat("a/b")}; ${stat("a/b/c")}`,
    prints: "711 0:0\n711 0:0",
  },
  "with parents, leaves a directory that is there as it is": {
    state: () => tree.file(mkdir("/d", { mode: 0o700, parents: true })),
    look: `${stat("d")}; ls d`,
    prints: "755 0:0\none\ntwo",
  },
  "without parents, needs the directory above": {
    state: () => scratch().file(mkdir("/a/b")),
    fails: /no such file/,
  },
  "leaves a directory that is there as it is": {
    state: () => tree.file(mkdir("/d", { mode: 0o700 })),
    look: stat("d"),
    prints: "755 0:0",
  },
  "at a time": {
    state: () => scratch().file(mkdir("/d", { createdAt: new Date(1_000_000_000_000) })),
    look: "stat -c %Y d",
    prints: "1000000000",
  },
  "below the state's directory": {
    state: () =>
      scratch()
        .dir("/a/b")
        .file(mkdir("c", { parents: true })),
    look: "ls -d a/b/c",
    prints: "a/b/c",
  },
});

describeGraphs("mkfile", {
  "makes a file that is root's": {
    state: () => scratch().file(mkfile("/f", "text")),
    look: `cat f; echo; ${stat("f")}`,
    prints: "text\n644 0:0",
  },
  "of bytes": {
    state: () => scratch().file(mkfile("/f", Uint8Array.of(0, 255, 10))),
    look: "od -An -tx1 f",
    prints: " 00 ff 0a",
  },
  "with mode and owner by name": {
    state: () => tree.file(mkfile("/f", "", { mode: 0o640, owner: "app:staff" })),
    look: stat("f"),
    prints: "640 1000:2000",
  },
  "at a time, to the nanosecond": {
    state: () => scratch().file(mkfile("/f", "", { createdAt: 1_000_000_000_123_456_789n })),
    look: "stat -c %y f",
    prints: "2001-09-09 01:46:40.123456789 +0000",
  },
  "in the place of another": {
    state: () => tree.file(mkfile("/top", "new")),
    look: "cat top",
    prints: "new",
  },
  "with an owner that nobody is": {
    state: () => tree.file(mkfile("/f", "", { owner: "nemo" })),
    look: stat("f"),
    prints: "644 0:0",
  },
});

describeGraphs("symlink", {
  "makes a link, with an owner": {
    state: () => tree.file(symlink("d/one", "/link", { owner: { user: 7, group: 8 } })),
    look: `readlink link; cat link; ${stat("link")}`,
    prints: "d/one\none\n777 7:8",
    needs: links,
  },
  "at a time": {
    state: () => tree.file(symlink("/nowhere", "/link", { createdAt: new Date(1_000_000_000_000) })),
    look: "stat -c '%Y %N' link",
    prints: "1000000000 'link' -> '/nowhere'",
    needs: links,
  },
  "below the root, whatever the state's directory": {
    state: () => tree.dir("/d").file(symlink("d/one", "link")),
    look: "cat link",
    prints: "one",
    needs: links,
  },
});

describeGraphs("rm", {
  "removes a file, and a directory with what is in it": {
    state: () => tree.file([rm("/top"), rm("/d")]),
    look: "ls",
    prints: "etc",
  },
  "of what is not there fails": {
    state: () => tree.file(rm("/nowhere")),
    fails: /no such file/,
  },
  "of what need not be there": {
    state: () => tree.file(rm("/nowhere", { allowNotFound: true })),
    look: "ls",
    prints: "d\netc\ntop",
  },
  "of all that a pattern matches": {
    state: () => tree.file(rm("/d/t*", { wildcard: true })),
    look: "ls d",
    prints: "one",
  },
  "without wildcard, takes a pattern for a name": {
    state: () => tree.file([mkfile("/d/t*", ""), rm("/d/t*")]),
    look: "ls d",
    prints: "one\ntwo",
  },
});

describeGraphs("actions of one step", {
  "work on each other's results": {
    state: () =>
      scratch().file([mkdir("/a"), mkfile("/a/f", "1"), rm("/a"), mkdir("/b"), mkfile("/b/f", "2")]),
    look: "ls -R | xargs",
    prints: ".: b ./b: f",
  },
});
