import fs from "node:fs";
import path from "node:path";
import { DestinationError, directorySink, streamSink } from "@buildkit-node/session";
import { describe, expect, it } from "vitest";
import { modeBits, receivePacket, sendPacket, sendStat } from "./support/packets.ts";
import {
  contentsOf,
  diffCopy,
  directory,
  type Entry,
  receiving,
  sendContents,
  sendTree,
} from "./support/receiving.ts";
import type { DaemonCall } from "./support/scripted-daemon.ts";
import { tempDir } from "./support/temp-dir.ts";

describe("a daemon that breaks the rules", () => {
  const link = (path: string, linkname: string): Entry => ({ path, linkname });
  const symlink = (path: string, linkname: string): Entry => ({
    path,
    linkname,
    mode: modeBits.symlink | 0o777,
  });
  const cases: readonly (readonly [string, readonly Entry[]])[] = [
    ["an absolute path", [{ path: "/etc/x" }]],
    ["a path that leads out", [{ path: "../x" }]],
    ["a path that leads out further down", [directory("a"), { path: "a/../../x" }]],
    ["a path of two dots", [{ path: ".." }]],
    ["an empty path", [{ path: "" }]],
    ["a path that is not clean", [directory("a"), { path: "a//b" }]],
    ["a path with a slash at the end", [directory("a/")]],
    ["a path with a dot", [{ path: "./a" }]],
    ["a NUL", [{ path: "a\0b" }]],
    ["siblings out of order", [{ path: "b" }, { path: "a" }]],
    ["a string sort", [directory("a"), { path: "a-b" }, { path: "a/f" }]],
    ["a path twice", [{ path: "a" }, { path: "a" }]],
    ["a missing parent", [{ path: "a/b" }]],
    ["a file below a file", [{ path: "a" }, { path: "a/b" }]],
    ["a file below a link", [symlink("a", "/tmp"), { path: "a/b" }]],
    ["a link to what was not sent", [link("a", "zzz")]],
    ["a link out of the directory", [link("a", "../../etc/passwd")]],
    ["a link to a symlink", [symlink("a", "/etc/passwd"), link("b", "a")]],
    ["a link to a directory", [directory("a"), link("b", "a")]],
    ["an irregular file", [{ path: "a", mode: 0x00080000 }]],
  ];

  it.each(cases)("is refused: %s", async (_name, entries) => {
    const parent = await tempDir();
    const dest = path.join(parent, "dest");
    const { daemon } = await receiving(directorySink({ dest }));
    const call = diffCopy(daemon);
    await sendTree(call, entries);
    expect((await call.status).code).toBe(2);
    expect(fs.readdirSync(parent)).toEqual([]);
  });

  it("is refused: contents that nobody asked for, entries behind the end, an early end", async () => {
    const dest = path.join(await tempDir(), "dest");
    const { daemon } = await receiving(directorySink({ dest }));
    const scripts: ((call: DaemonCall) => void)[] = [
      (call) => sendPacket(call, "DATA", { id: 3, data: Buffer.from("x") }),
      (call) => {
        sendPacket(call, "STAT");
        sendStat(call, { path: "late" });
      },
      (call) => sendPacket(call, "FIN"),
      (call) => sendPacket(call, "REQ"),
      (call) => call.halfClose(),
      (call) => sendPacket(call, "ERR", { data: Buffer.from("the build broke") }),
    ];
    for (const script of scripts) {
      const call = diffCopy(daemon);
      script(call);
      expect((await call.status).code).toBe(2);
    }
    expect(fs.existsSync(dest)).toBe(false);
  });

  it("cannot reach out through a directory that is swapped for a link during the transfer", async ({
    skip,
  }) => {
    if (process.platform !== "linux") skip("directories are held open on Linux only");
    const dest = await tempDir();
    const outside = await tempDir();
    const { daemon } = await receiving(directorySink({ dest }));
    const call = diffCopy(daemon);
    sendStat(call, directory("a"));
    sendStat(call, { path: "a/file" });
    expect((await receivePacket(call))?.ID).toBe(1);
    fs.renameSync(path.join(dest, "a"), path.join(dest, "moved"));
    fs.symlinkSync(outside, path.join(dest, "a"));
    sendContents(call, 1, "contents");
    sendPacket(call, "STAT");
    await receivePacket(call);
    sendPacket(call, "FIN");
    await call.status;
    expect(fs.readdirSync(outside)).toEqual([]);
  });
});

describe("an export that fails or is taken back", () => {
  it("leaves nothing of a directory that it made, and only what was there of one that it did not", async () => {
    const parent = await tempDir();
    const existing = path.join(parent, "existing");
    fs.mkdirSync(path.join(existing, "old"), { recursive: true });
    const { daemon } = await receiving(
      directorySink({ dest: path.join(parent, "new/deep") }),
      directorySink({ dest: existing }),
    );
    for (const id of [0, 1]) {
      const call = diffCopy(daemon, id);
      sendStat(call, { path: "complete" });
      sendStat(call, { path: "half" });
      sendStat(call, directory("new"));
      sendStat(call, { path: "new/file" });
      sendStat(call, directory("old"));
      sendStat(call, { path: "old/file" });
      await receivePacket(call);
      for (const file of [0, 3, 5]) sendContents(call, file, "x");
      sendPacket(call, "DATA", { id: 1, data: Buffer.alloc(100_000) });
      await expect.poll(() => temporaries(parent)).not.toEqual([]);
      call.cancel();
      await expect
        .poll(() => contentsOf(parent))
        .toEqual({
          existing: expect.any(String),
          "existing/old": expect.any(String),
        });
    }
  });

  it("is kept when the daemon leaves between our last packet and its own", async () => {
    const dest = path.join(await tempDir(), "dest");
    const sink = directorySink({ dest });
    const { daemon, session } = await receiving(sink);
    const call = diffCopy(daemon);
    sendStat(call, { path: "file" });
    sendPacket(call, "STAT");
    expect(await receivePacket(call)).toMatchObject({ type: 1, ID: 0 });
    sendContents(call, 0, "contents");
    expect(await receivePacket(call)).toMatchObject({ type: 3 });
    call.cancel();
    await session.close();
    expect(session.failure).toBeUndefined();
    await sink.commit();
    expect(fs.readFileSync(path.join(dest, "file"), "utf8")).toBe("contents");
  });

  it("leaves what another export has put into a directory that it made", async () => {
    const parent = await tempDir();
    const dest = path.join(parent, "made/deep");
    const sink = directorySink({ dest });
    const { daemon } = await receiving(sink);
    const call = diffCopy(daemon);
    await sendTree(call, [{ path: "ours" }]);
    expect((await call.status).code).toBe(0);
    fs.writeFileSync(path.join(parent, "made/theirs"), "");
    await sink.discard();
    expect(Object.keys(contentsOf(parent))).toEqual(["made", "made/theirs"]);
  });

  it("fails where no directory can be made, and leaves none on the way", async ({ skip }) => {
    if (process.platform !== "linux") skip("needs /proc");
    const { daemon, session } = await receiving(directorySink({ dest: "/proc/nope/out" }));
    expect(await diffCopy(daemon).status).toMatchObject({ code: 2 });
    expect(session.failure).toMatchObject({ code: "ERR_BUILDKIT_DESTINATION", path: "/proc/nope/out" });
  });

  it("is taken back after it was received, when the build fails in the end", async () => {
    const parent = await tempDir();
    const sinks = [
      directorySink({ dest: path.join(parent, "tree") }),
      streamSink({ dest: path.join(parent, "file") }),
    ];
    const { daemon } = await receiving(...sinks);
    const tree = diffCopy(daemon, 0);
    await sendTree(tree, [{ path: "a", contents: "x" }]);
    const bytes = diffCopy(daemon, 1);
    bytes.send(Buffer.from("\x0a\x03abc"));
    bytes.halfClose();
    expect([(await tree.status).code, (await bytes.status).code]).toEqual([0, 0]);
    for (const sink of sinks) await sink.discard();
    expect(fs.readdirSync(parent)).toEqual([]);
  });

  it("says what could not be written, and why", async ({ skip }) => {
    if (process.platform !== "linux") skip("needs a full device");
    const parent = await tempDir();
    fs.writeFileSync(path.join(parent, "file"), "");
    const { daemon, session } = await receiving(
      directorySink({ dest: path.join(parent, "file/below") }),
      streamSink({ dest: fs.createWriteStream("/dev/full") }),
    );
    expect(await diffCopy(daemon, 0).status).toMatchObject({
      code: 2,
      message: expect.stringContaining("file/below"),
    });
    expect(session.failure).toBeInstanceOf(DestinationError);
    const call = diffCopy(daemon, 1);
    call.send(Buffer.from("\x0a\x03abc"));
    call.halfClose();
    expect(await call.status).toMatchObject({ code: 2, message: expect.stringContaining("no space left") });
  });
});

function temporaries(directory: string): string[] {
  return fs
    .readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".tmp") || name.endsWith(".partial"));
}
