import { execFileSync } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import path from "node:path";
import { PassThrough } from "node:stream";
import {
  DestinationError,
  directorySink,
  type ExportSink,
  fileSend,
  openSession,
  type Session,
  streamSink,
} from "@buildkit-node/session";
import { describe, expect, it, onTestFinished } from "vitest";
import { modeBits, receivePacket, type StatInit, sendPacket, sendStat } from "./support/packets.ts";
import { type DaemonCall, type DaemonSession, scriptedDaemon } from "./support/scripted-daemon.ts";
import { tempDir } from "./support/temp-dir.ts";

const method = "/moby.filesync.v1.FileSend/DiffCopy";

interface Receiving {
  readonly session: Session;
  readonly daemon: DaemonSession;
}

async function receiving(...sinks: ExportSink[]): Promise<Receiving> {
  const { connection, nextSession } = await scriptedDaemon();
  const session = await openSession(connection, { attachables: [fileSend(new Map(sinks.entries()))] });
  onTestFinished(() => session.close());
  return { session, daemon: await nextSession() };
}

function diffCopy(daemon: DaemonSession, id: number | undefined = 0): DaemonCall {
  return daemon.call(method, id === undefined ? {} : { "buildkit-attachable-exporter-id": String(id) });
}

type Entry = StatInit & { readonly contents?: string | Buffer };

const directory = (path: string, mode = 0o755): Entry => ({ path, mode: (modeBits.directory | mode) >>> 0 });

/** Sends a tree as a daemon does, answering each request, and waits for the end. */
async function sendTree(call: DaemonCall, entries: readonly Entry[]): Promise<void> {
  for (const { contents: _, ...stat } of entries) sendStat(call, stat);
  sendPacket(call, "STAT");
  for (let packet = await receivePacket(call); packet !== undefined; packet = await receivePacket(call)) {
    if (packet.type === 1) sendContents(call, packet.ID, entries[packet.ID]?.contents ?? "");
    else if (packet.type === 3) sendPacket(call, "FIN");
    else break;
  }
}

function sendContents(call: DaemonCall, id: number, contents: string | Buffer): void {
  const bytes = Buffer.from(contents);
  for (let at = 0; at < bytes.length; at += 32_768)
    sendPacket(call, "DATA", { id, data: bytes.subarray(at, at + 32_768) });
  sendPacket(call, "DATA", { id });
}

/** What is in a directory: type, permissions, and contents or target. */
function contentsOf(root: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of fs.readdirSync(root, { recursive: true, encoding: "utf8" }).sort()) {
    const full = path.join(root, name);
    const stat = fs.lstatSync(full);
    const permissions = (stat.mode & 0o7777).toString(8);
    if (stat.isDirectory()) found[name] = `directory ${permissions}`;
    else if (stat.isSymbolicLink()) found[name] = `link ${fs.readlinkSync(full)}`;
    else if (stat.isFIFO()) found[name] = `pipe ${permissions}`;
    else found[name] = `file ${permissions} ${fs.readFileSync(full)}`;
  }
  return found;
}

describe("files that are received into a directory", () => {
  it("get their contents, permissions, times and links", async () => {
    const dest = path.join(await tempDir(), "made", "on the way");
    const sink = directorySink({ dest });
    const { daemon } = await receiving(sink);
    const call = diffCopy(daemon);
    const time = 981173106123456789n;
    await sendTree(call, [
      { ...directory("bin", 0o555), modTime: time },
      { path: "bin/tool", mode: 0o751 | modeBits.setuid, contents: "#!", modTime: time },
      { path: "empty" },
      { path: "hard", mode: 0o751 | modeBits.setuid, linkname: "bin/tool" },
      { path: "large", contents: Buffer.alloc(200_000, "large") },
      { path: "link", mode: modeBits.symlink | 0o777, linkname: "../outside", modTime: time },
      { path: "old", modTime: -1_500_000_000n },
      { ...directory("tmp", 0o777 | 0x00100000) },
    ]);
    expect(await call.status).toEqual({ code: 0, message: "" });
    await sink.commit();
    expect(contentsOf(dest)).toEqual({
      bin: "directory 555",
      "bin/tool": "file 4751 #!",
      empty: "file 644 ",
      hard: "file 4751 #!",
      large: `file 644 ${Buffer.alloc(200_000, "large")}`,
      link: "link ../outside",
      old: "file 644 ",
      tmp: "directory 1777",
    });
    expect(fs.statSync(path.join(dest, "hard")).ino).toBe(fs.statSync(path.join(dest, "bin/tool")).ino);
    for (const name of ["bin", "bin/tool", "link"]) {
      const { mtimeNs } = fs.lstatSync(path.join(dest, name), { bigint: true });
      expect(Math.abs(Number(mtimeNs - time)), name).toBeLessThan(2000);
    }
    expect(fs.statSync(path.join(dest, "old")).mtimeMs).toBe(-1500);
  });

  it("keep names that are not UTF-8", async () => {
    const dest = await tempDir();
    const { daemon } = await receiving(directorySink({ dest }));
    const call = diffCopy(daemon);
    await sendTree(call, [
      { path: Buffer.from("a\xffb", "latin1"), contents: "odd" },
      { path: "\u{1f600}, x" },
    ]);
    expect((await call.status).code).toBe(0);
    expect(fs.readdirSync(dest, "latin1").sort()).toEqual([
      "a\xffb",
      Buffer.from("\u{1f600}, x").toString("latin1"),
    ]);
  });

  it("leave alone what is there, and replace what has the same name without writing through it", async () => {
    const dest = await tempDir();
    const outside = path.join(await tempDir(), "outside");
    fs.writeFileSync(outside, "safe");
    fs.writeFileSync(path.join(dest, "other"), "kept");
    fs.symlinkSync(outside, path.join(dest, "file"));
    fs.linkSync(outside, path.join(dest, "hard"));
    fs.mkdirSync(path.join(dest, "was-directory/deep"), { recursive: true });
    fs.symlinkSync(path.dirname(outside), path.join(dest, "directory"));
    fs.mkdirSync(path.join(dest, "merged"), 0o700);
    fs.writeFileSync(path.join(dest, "merged/kept"), "kept");
    const { daemon } = await receiving(directorySink({ dest }));
    const call = diffCopy(daemon);
    await sendTree(call, [
      directory("directory"),
      { path: "directory/outside", contents: "new" },
      { path: "file", contents: "new" },
      { path: "hard", contents: "new" },
      directory("merged"),
      { path: "merged/new", contents: "new" },
      { path: "was-directory", mode: modeBits.symlink | 0o777, linkname: "x" },
    ]);
    expect((await call.status).code).toBe(0);
    expect(fs.readFileSync(outside, "utf8")).toBe("safe");
    expect(contentsOf(dest)).toEqual({
      directory: "directory 755",
      "directory/outside": "file 644 new",
      file: "file 644 new",
      hard: "file 644 new",
      merged: "directory 755",
      "merged/kept": "file 600 kept".replace(
        "600",
        (fs.statSync(path.join(dest, "merged/kept")).mode & 0o777).toString(8),
      ),
      "merged/new": "file 644 new",
      other: `file ${(fs.statSync(path.join(dest, "other")).mode & 0o777).toString(8)} kept`,
      "was-directory": "link x",
    });
  });

  it("may be named pipes", async () => {
    const dest = await tempDir();
    const { daemon } = await receiving(directorySink({ dest }));
    const call = diffCopy(daemon);
    await sendTree(call, [{ path: "pipe \u00e4", mode: modeBits.pipe | 0o620, modTime: 5_000_000_000n }]);
    expect((await call.status).code).toBe(0);
    expect(contentsOf(dest)).toEqual({ "pipe \u00e4": "pipe 620" });
    expect(fs.statSync(path.join(dest, "pipe \u00e4")).mtimeMs).toBe(5000);
  });

  it("may come from several streams of one exporter at a time, as for several platforms", async () => {
    const dest = await tempDir();
    const { daemon } = await receiving(directorySink({ dest }));
    const calls = ["linux_amd64", "linux_arm64"].map(async (platform) => {
      const call = diffCopy(daemon);
      await sendTree(call, [directory(platform), { path: `${platform}/file`, contents: platform }]);
      return call.status;
    });
    expect(await Promise.all(calls)).toEqual([
      { code: 0, message: "" },
      { code: 0, message: "" },
    ]);
    expect(Object.keys(contentsOf(dest))).toEqual([
      "linux_amd64",
      "linux_amd64/file",
      "linux_arm64",
      "linux_arm64/file",
    ]);
  });

  it("are nothing where there is nothing", async () => {
    const dest = path.join(await tempDir(), "empty");
    const { daemon } = await receiving(directorySink({ dest }));
    const call = diffCopy(daemon, undefined);
    await sendTree(call, []);
    expect((await call.status).code).toBe(0);
    expect(fs.readdirSync(dest)).toEqual([]);
  });

  it("may belong to somebody else", async ({ skip }) => {
    if (process.getuid?.() !== 0) skip("needs the privilege to give files away");
    const dest = await tempDir();
    const { daemon } = await receiving(
      directorySink({ dest, ownership: "preserve" }),
      directorySink({ dest, ownership: { uid: 7, gid: 8 } }),
      directorySink({ dest, ownership: ({ uid, gid }) => ({ uid: uid + 1000, gid: gid + 2000 }) }),
    );
    const preserved = diffCopy(daemon, 0);
    await sendTree(preserved, [{ path: "a", uid: 12, gid: 13, mode: 0o755 | modeBits.setuid }]);
    const given = diffCopy(daemon, 1);
    await sendTree(given, [{ path: "b", uid: 12, gid: 13 }]);
    const mapped = diffCopy(daemon, 2);
    await sendTree(mapped, [{ path: "c", uid: 12, gid: 13 }]);
    for (const call of [preserved, given, mapped]) expect((await call.status).code).toBe(0);
    expect(fs.statSync(path.join(dest, "a"))).toMatchObject({ uid: 12, gid: 13, mode: 0o104755 });
    expect(fs.statSync(path.join(dest, "b"))).toMatchObject({ uid: 7, gid: 8 });
    expect(fs.statSync(path.join(dest, "c"))).toMatchObject({ uid: 1012, gid: 2013 });
  });
});

describe("a directory that is to be the result and nothing else", () => {
  const whole = { "buildkit-exporter-multi-platform": "1" };

  it("loses what the result does not have, and is not looked at through links", async () => {
    const dest = await tempDir();
    const outside = await tempDir();
    fs.writeFileSync(path.join(outside, "safe"), "");
    for (const name of ["a/gone/deep", "a/kept", "gone", "z/below/gone"]) {
      fs.mkdirSync(path.dirname(path.join(dest, name)), { recursive: true });
      fs.writeFileSync(path.join(dest, name), "old");
    }
    fs.symlinkSync(outside, path.join(dest, "link"));
    fs.symlinkSync(outside, path.join(dest, "replaced"));
    const { daemon } = await receiving(directorySink({ dest, mode: "delete" }));
    const call = daemon.call(method, whole);
    await sendTree(call, [
      directory("a"),
      { path: "a/kept", contents: "new" },
      directory("new"),
      { path: "new/file", contents: "new" },
      directory("replaced"),
      directory("z"),
      directory("z/below"),
    ]);
    expect(await call.status).toEqual({ code: 0, message: "" });
    expect(contentsOf(dest)).toEqual({
      a: "directory 755",
      "a/kept": "file 644 new",
      new: "directory 755",
      "new/file": "file 644 new",
      replaced: "directory 755",
      z: "directory 755",
      "z/below": "directory 755",
    });
    expect(fs.readdirSync(outside)).toEqual(["safe"]);
  });

  it("keeps everything when the transfer fails, or the daemon may send a part for the whole", async () => {
    const dest = await tempDir();
    fs.writeFileSync(path.join(dest, "old"), "old");
    const { daemon, session } = await receiving(directorySink({ dest, mode: "delete" }));
    const broken = daemon.call(method, whole);
    await sendTree(broken, [{ path: "b" }, { path: "a" }]);
    expect((await broken.status).code).toBe(2);
    expect(fs.readdirSync(dest)).toEqual(["old"]);
    const older = diffCopy(daemon);
    expect(await older.status).toMatchObject({ message: expect.stringContaining("BuildKit 0.31") });
    expect(session.failure).toMatchObject({ code: "ERR_BUILDKIT_PROTOCOL" });
    expect(fs.readdirSync(dest)).toEqual(["old"]);
  });
});

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

describe("bytes that are received", () => {
  const framed = (text: string) => Buffer.concat([Buffer.from([0x0a, text.length]), Buffer.from(text)]);

  it("go to a file, which appears when the build has succeeded", async () => {
    const parent = await tempDir();
    const dest = path.join(parent, "out.tar");
    fs.writeFileSync(dest, "old");
    const seen: (string | undefined)[] = [];
    const sink = streamSink({
      dest,
      onMetadata: (metadata) => void seen.push(metadata.get("exporter-md-image.name")),
    });
    const { daemon } = await receiving(sink);
    const call = daemon.call(method, { "exporter-md-image.name": "a,b" });
    for (const text of ["one ", "", "two"]) call.send(framed(text));
    call.halfClose();
    expect(await call.status).toEqual({ code: 0, message: "" });
    expect(fs.readFileSync(dest, "utf8")).toBe("old");
    await sink.commit();
    expect(fs.readFileSync(dest, "utf8")).toBe("one two");
    expect(fs.readdirSync(parent)).toEqual(["out.tar"]);
    expect(seen).toEqual(["a,b"]);
  });

  it("go to a stream, which makes the daemon wait when it does", async () => {
    const stream = new PassThrough({ highWaterMark: 1 });
    const { daemon } = await receiving(streamSink({ dest: stream }));
    const call = diffCopy(daemon);
    const chunk = Buffer.alloc(1 << 20, "x");
    let accepted = 0;
    const pump = (async () => {
      for (let n = 0; n < 64; n++) {
        const message = Buffer.concat([Buffer.from([0, 0, 0x10, 0, 4, 0x0a, 0x80, 0x80, 0x40]), chunk]);
        if (!call.stream.write(message)) await once(call.stream, "drain");
        accepted++;
      }
      call.halfClose();
    })();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(accepted).toBeLessThan(32);
    let received = 0;
    for await (const piece of stream) received += piece.length;
    await pump;
    expect(received).toBe(64 << 20);
    expect((await call.status).code).toBe(0);
  });

  it("go to a web stream", async () => {
    const pieces: Uint8Array[] = [];
    const stream = new WritableStream<Uint8Array>({ write: (piece) => void pieces.push(piece) });
    const { daemon } = await receiving(streamSink({ dest: stream }));
    const call = diffCopy(daemon);
    call.send(framed("web"));
    call.halfClose();
    expect((await call.status).code).toBe(0);
    expect(Buffer.concat(pieces).toString()).toBe("web");
  });

  it("leave no file when the daemon gives up, and end the stream with an error", async () => {
    const parent = await tempDir();
    const stream = new PassThrough();
    const ended = new Promise((resolve) => stream.once("error", resolve));
    const { daemon } = await receiving(
      streamSink({ dest: path.join(parent, "out.tar") }),
      streamSink({ dest: stream }),
    );
    for (const id of [0, 1]) {
      const call = diffCopy(daemon, id);
      call.send(framed("half"));
      if (id === 0) await expect.poll(() => fs.readdirSync(parent)).not.toEqual([]);
      else await once(stream, "readable");
      call.cancel();
      await call.status;
    }
    await expect.poll(() => fs.readdirSync(parent)).toEqual([]);
    expect(await ended).toMatchObject({ code: "ERR_BUILDKIT_CONNECTION_LOST" });
  });

  it("are told apart by the exporter that they come from", async () => {
    const parent = await tempDir();
    const tree = path.join(parent, "tree");
    const file = streamSink({ dest: path.join(parent, "file") });
    const { daemon } = await receiving(directorySink({ dest: tree }), file);
    const bytes = diffCopy(daemon, 1);
    const packets = diffCopy(daemon, 0);
    bytes.send(framed("bytes"));
    bytes.halfClose();
    await sendTree(packets, [{ path: "a" }]);
    expect([(await bytes.status).code, (await packets.status).code]).toEqual([0, 0]);
    await file.commit();
    expect(execFileSync("ls", [parent]).toString()).toBe("file\ntree\n");
    expect(await diffCopy(daemon, 2).status).toMatchObject({ code: 5, message: "exporter 2 not found" });
  });
});

function temporaries(directory: string): string[] {
  return fs
    .readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".tmp"));
}
