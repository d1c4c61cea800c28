import fs from "node:fs";
import path from "node:path";
import { directorySink, type ExportSink, streamSink } from "@buildkit-node/session";
import { describe, expect, it } from "vitest";
import { modeBits } from "./support/packets.ts";
import { contentsOf, diffCopy, diffCopyMethod, directory, receiving, sendTree } from "./support/receiving.ts";
import { tempDir } from "./support/temp-dir.ts";

describe("a directory that is not there yet", () => {
  const tree = [directory("closed", 0o555), { path: "closed/file", contents: "new" }, { path: "top" }];

  async function received(sink: ExportSink): Promise<void> {
    const { daemon } = await receiving(sink);
    const call = diffCopy(daemon);
    await sendTree(call, tree);
    expect(await call.status).toEqual({ code: 0, message: "" });
  }

  it("appears when the build has succeeded, and is told of by what it is written as until then", async () => {
    const parent = await tempDir();
    const dest = path.join(parent, "made", "out");
    const sink = directorySink({ dest });
    await received(sink);
    const [name, ...others] = fs.readdirSync(path.join(parent, "made"));
    expect([name, others]).toEqual([expect.stringMatching(/^\.out\.\w+\.partial$/), []]);
    await sink.commit();
    expect(fs.readdirSync(path.join(parent, "made"))).toEqual(["out"]);
    expect(contentsOf(dest)).toEqual({
      closed: "directory 555",
      "closed/file": "file 644 new",
      top: "file 644 ",
    });
  });

  it("leaves nothing when the build fails", async () => {
    const parent = await tempDir();
    const sink = directorySink({ dest: path.join(parent, "made", "out") });
    await received(sink);
    await sink.discard();
    expect(fs.readdirSync(parent)).toEqual([]);
  });

  it("may have a name of any length that there is", async () => {
    const parent = await tempDir();
    const name = "\u{1f600}".repeat(63);
    const sinks = [
      directorySink({ dest: path.join(parent, name) }),
      streamSink({ dest: path.join(parent, `x${name}`) }),
    ];
    const { daemon } = await receiving(...sinks);
    await sendTree(diffCopy(daemon, 0), tree);
    const bytes = diffCopy(daemon, 1);
    bytes.send(Buffer.from("\x0a\x03abc"));
    bytes.halfClose();
    expect(await bytes.status).toEqual({ code: 0, message: "" });
    for (const sink of sinks) await sink.commit();
    expect(fs.readdirSync(parent).sort()).toEqual([`x${name}`, name]);
  });

  it("goes into the one that somebody has made meanwhile, entry by entry and never through a link", async () => {
    const parent = await tempDir();
    const dest = path.join(parent, "out");
    const sinks = [directorySink({ dest }), directorySink({ dest })];
    for (const sink of sinks) await received(sink);
    fs.mkdirSync(path.join(dest, "closed"), { recursive: true });
    fs.mkdirSync(path.join(parent, "elsewhere"));
    fs.writeFileSync(path.join(dest, "closed", "other"), "kept");
    fs.symlinkSync(path.join(parent, "elsewhere", "safe"), path.join(dest, "closed", "file"));
    await sinks[0]?.commit();
    fs.renameSync(path.join(dest, "closed", "other"), path.join(dest, "other"));
    fs.rmSync(path.join(dest, "closed"), { recursive: true });
    fs.symlinkSync(path.join(parent, "elsewhere"), path.join(dest, "closed"));
    await sinks[1]?.commit();
    expect(contentsOf(dest)).toMatchObject({
      closed: "directory 555",
      "closed/file": "file 644 new",
      top: "file 644 ",
    });
    expect(fs.readFileSync(path.join(dest, "other"), "utf8")).toBe("kept");
    expect(fs.readdirSync(path.join(parent, "elsewhere"))).toEqual([]);
    expect(fs.readdirSync(parent).sort()).toEqual(["elsewhere", "out"]);
  });

  it("takes the place of nothing that somebody has made meanwhile, where it would have to be deleted", async () => {
    const parent = await tempDir();
    for (const mode of ["copy", "delete"] as const) {
      const dest = path.join(parent, mode);
      const sink = directorySink({ dest, mode });
      const { daemon } = await receiving(sink);
      const call = daemon.call(diffCopyMethod, { "buildkit-exporter-multi-platform": "1" });
      await sendTree(call, tree);
      expect((await call.status).code).toBe(0);
      if (mode === "copy") fs.writeFileSync(dest, "a file");
      else fs.mkdirSync(dest);
      await expect(sink.commit()).rejects.toMatchObject({ code: "ERR_BUILDKIT_DESTINATION", path: dest });
    }
    expect(contentsOf(parent)).toEqual({
      copy: expect.stringContaining("a file"),
      delete: expect.any(String),
    });
  });

  it("is what errors speak of", async () => {
    const dest = path.join(await tempDir(), "out");
    const { daemon, session } = await receiving(directorySink({ dest }));
    const call = diffCopy(daemon);
    await sendTree(call, [{ path: "x".repeat(300), contents: "x" }]);
    expect((await call.status).code).not.toBe(0);
    expect(session.failure).toMatchObject({ path: path.join(dest, "x".repeat(300)) });
    expect(String(session.failure)).not.toContain("partial");
    expect(fs.readdirSync(path.dirname(dest))).toEqual([]);
  });
});

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

  it("may be named pipes with several names", async () => {
    const dest = await tempDir();
    const { daemon } = await receiving(directorySink({ dest }));
    const call = diffCopy(daemon);
    const mode = modeBits.pipe | 0o620;
    await sendTree(call, [
      { path: "one", mode },
      { path: "two", mode, linkname: "one" },
    ]);
    expect(await call.status).toEqual({ code: 0, message: "" });
    expect(contentsOf(dest)).toEqual({ one: "pipe 620", two: "pipe 620" });
    expect(fs.statSync(path.join(dest, "two")).ino).toBe(fs.statSync(path.join(dest, "one")).ino);
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
    const sink = directorySink({ dest });
    const { daemon } = await receiving(sink);
    const call = diffCopy(daemon, undefined);
    await sendTree(call, []);
    expect((await call.status).code).toBe(0);
    await sink.commit();
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
    const call = daemon.call(diffCopyMethod, whole);
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

  it.for([
    ["a path may be long", "d".repeat(200), 25],
    ["calls may be within calls", "d", 3000],
  ] as const)("loses directories that are deeper than %s", async ([_, name, depth], { skip }) => {
    if (process.platform !== "linux") skip("needs /proc to make them");
    const dest = await tempDir();
    makeDeep(dest, name, depth);
    fs.writeFileSync(path.join(dest, "file"), "old");
    const { daemon } = await receiving(directorySink({ dest, mode: "delete" }));
    const call = daemon.call(diffCopyMethod, whole);
    await sendTree(call, [{ path: "file", contents: "new" }]);
    expect(await call.status).toEqual({ code: 0, message: "" });
    expect(contentsOf(dest)).toEqual({ file: "file 644 new" });
  });

  it("keeps everything when the transfer fails, or the daemon may send a part for the whole", async () => {
    const dest = await tempDir();
    fs.writeFileSync(path.join(dest, "old"), "old");
    const { daemon, session } = await receiving(directorySink({ dest, mode: "delete" }));
    const broken = daemon.call(diffCopyMethod, whole);
    await sendTree(broken, [{ path: "b" }, { path: "a" }]);
    expect((await broken.status).code).toBe(2);
    expect(fs.readdirSync(dest)).toEqual(["old"]);
    const older = diffCopy(daemon);
    expect(await older.status).toMatchObject({ message: expect.stringContaining("BuildKit 0.31") });
    expect(session.failure).toMatchObject({ code: "ERR_BUILDKIT_PROTOCOL" });
    expect(fs.readdirSync(dest)).toEqual(["old"]);
  });
});

/** Directories of one name within each other, and a file in the innermost. */
function makeDeep(within: string, name: string, depth: number): void {
  let parent = fs.openSync(within, "r");
  for (let level = 0; level < depth; level++) {
    const at = `/proc/self/fd/${parent}/${name}`;
    fs.mkdirSync(at);
    const child = fs.openSync(at, "r");
    fs.closeSync(parent);
    parent = child;
  }
  fs.writeFileSync(`/proc/self/fd/${parent}/file`, "");
  fs.closeSync(parent);
}
