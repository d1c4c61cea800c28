import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import {
  fileSync,
  LocalSourceError,
  openSession,
  type Session,
  type TransferReport,
} from "@buildkit-node/session";
import { describe, expect, it, onTestFinished } from "vitest";
import { modeBits, receivePacket, receiveWhole, sendPacket } from "./support/packets.ts";
import { type DaemonCall, type DaemonSession, scriptedDaemon } from "./support/scripted-daemon.ts";
import { tempDir } from "./support/temp-dir.ts";

const method = "/moby.filesync.v1.FileSync/DiffCopy";

interface Shared {
  readonly session: Session;
  readonly daemon: DaemonSession;
}

async function share(options: Parameters<typeof fileSync>[0]): Promise<Shared> {
  const { connection, nextSession } = await scriptedDaemon();
  const session = await openSession(connection, { attachables: [fileSync(options)] });
  onTestFinished(() => session.close());
  return { session, daemon: await nextSession() };
}

async function shareContext(
  files: Readonly<Record<string, string>>,
): Promise<Shared & { readonly context: string }> {
  const context = await tempDir();
  for (const [name, contents] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(context, name)), { recursive: true });
    fs.writeFileSync(path.join(context, name), contents);
  }
  return { ...(await share({ directories: { context } })), context };
}

function diffCopy(
  daemon: DaemonSession,
  metadata: Readonly<Record<string, string | string[]>> = {},
): DaemonCall {
  return daemon.call(method, { "dir-name": "context", ...metadata });
}

async function paths(call: DaemonCall): Promise<string[]> {
  return (await receiveWhole(call)).entries.map((entry) => entry.path);
}

describe("a directory that is synchronised", () => {
  it("follows paths with a wildcard that no link can match", async () => {
    const { daemon } = await shareContext({ "a-": "", ab: "", ac: "" });
    expect(await paths(diffCopy(daemon, { followpaths: ["a*[b-]"] }))).toEqual(["a-", "ab"]);
  });

  it("may lie where a link leads whose target is not UTF-8", async ({ skip }) => {
    if (process.platform !== "linux") skip("names are text there");
    const place = await tempDir();
    const odd = Buffer.from(`${place}/odd\xff`, "latin1");
    fs.mkdirSync(odd);
    fs.writeFileSync(Buffer.concat([odd, Buffer.from("/file")]), "there");
    fs.symlinkSync(odd, path.join(place, "link"));
    const { daemon } = await share({ directories: { context: path.join(place, "link") } });
    const { files } = await receiveWhole(diffCopy(daemon));
    expect(files.get("file")?.toString()).toBe("there");
  });

  it("is sent whole where a file system gives less of a file at a time than there is", async ({ skip }) => {
    const candidates = ["crypto", "kallsyms"].filter((file) => fs.existsSync(`/proc/${file}`));
    const long = candidates
      .map((file) => ({ name: file, expected: fs.readFileSync(`/proc/${file}`) }))
      .find(({ expected }) => expected.length > 4096);
    const { name, expected } = long ?? skip("needs a long file of procfs");
    const { daemon } = await share({ directories: { context: "/proc" } });
    const { files } = await receiveWhole(diffCopy(daemon, { "include-patterns": [name] }));
    expect(files.get(name)?.equals(expected)).toBe(true);
  });

  it("is sent whole: entries in order, contents on request, then the end", async () => {
    const { daemon } = await shareContext({ "b/inner": "two", a: "one", empty: "" });
    const call = diffCopy(daemon);
    const tree = await receiveWhole(call);
    expect(tree.entries.map(({ path }) => path)).toEqual(["a", "b", "b/inner", "empty"]);
    expect(Object.fromEntries([...tree.files].map(([name, bytes]) => [name, bytes.toString()]))).toEqual({
      a: "one",
      "b/inner": "two",
      empty: "",
    });
    expect(await call.status).toEqual({ code: 0, message: "" });
  });

  it("says type, permissions, size and time of each entry, and no owner", async () => {
    const { daemon, context } = await shareContext({ file: "12345", "dir/x": "" });
    fs.chmodSync(path.join(context, "file"), 0o4751);
    fs.chmodSync(path.join(context, "dir"), 0o1777);
    fs.symlinkSync("../else where", path.join(context, "link"));
    execFileSync("touch", ["-d", "2001-02-03T04:05:06.123456789Z", path.join(context, "file")]);
    const { entries } = await receiveWhole(diffCopy(daemon));
    const byPath = new Map(entries.map((entry) => [entry.path, entry]));
    expect(byPath.get("file")).toMatchObject({
      mode: 0o751 | modeBits.setuid,
      size: 5,
      mtimeNs: 981173106123456789n,
      uid: 0,
    });
    expect(byPath.get("dir")).toMatchObject({
      mode: (modeBits.directory | 0x00100000 | 0o777) >>> 0,
      size: 0,
    });
    expect(byPath.get("link")).toMatchObject({ mode: modeBits.symlink | 0o777, linkname: "../else where" });
  });

  it("has times before 1970 and far ahead", async () => {
    const { daemon, context } = await shareContext({ old: "", late: "", zero: "" });
    execFileSync("touch", ["-d", "1969-12-31T23:59:58.5Z", path.join(context, "old")]);
    execFileSync("touch", ["-d", "2200-01-01T00:00:00Z", path.join(context, "late")]);
    execFileSync("touch", ["-d", "1970-01-01T00:00:00Z", path.join(context, "zero")]);
    const { entries } = await receiveWhole(diffCopy(daemon));
    expect(entries.map(({ mtimeNs }) => mtimeNs)).toEqual([7258118400000000000n, -1500000000n, 0n]);
  });

  it("sends only the contents that are asked for, large files in pieces", async () => {
    const { daemon, context } = await shareContext({ small: "s", unwanted: "u" });
    const large = Buffer.alloc(3_000_001, "large ");
    fs.writeFileSync(path.join(context, "large"), large);
    fs.writeFileSync(path.join(context, "edge"), large.subarray(0, 64 << 10));
    const tree = await receiveWhole(diffCopy(daemon), { wants: ({ path }) => path !== "unwanted" });
    expect([...tree.files.keys()].sort()).toEqual(["edge", "large", "small"]);
    expect(tree.files.get("large")?.equals(large)).toBe(true);
    expect(tree.files.get("edge")?.length).toBe(64 << 10);
  });

  it("is nothing but an end of entries when it is empty", async () => {
    const { daemon } = await shareContext({});
    const call = diffCopy(daemon);
    expect(await receiveWhole(call)).toEqual({ entries: [], files: new Map(), error: undefined });
    expect((await call.status).code).toBe(0);
  });

  it("sorts names by their bytes, directories before what sorts behind a slash", async () => {
    const { daemon } = await shareContext({
      "a-b": "",
      "a/f": "",
      "a.txt": "",
      "\u{1f600}": "",
      "\uff5e": "",
      A: "",
    });
    expect(await paths(diffCopy(daemon))).toEqual(["A", "a", "a/f", "a-b", "a.txt", "\uff5e", "\u{1f600}"]);
  });

  it("keeps names that are not UTF-8, in files, directories and links", async () => {
    const { daemon, context } = await shareContext({});
    const odd = Buffer.from("d\xffr", "latin1");
    fs.mkdirSync(Buffer.concat([Buffer.from(`${context}/`), odd]));
    fs.writeFileSync(
      Buffer.concat([Buffer.from(`${context}/`), odd, Buffer.from("/a\xfeb, c", "latin1")]),
      "odd",
    );
    fs.symlinkSync(odd, path.join(context, "link"));
    const tree = await receiveWhole(diffCopy(daemon), { encoding: "latin1" });
    expect(tree.entries.map(({ path, linkname }) => [path, linkname])).toEqual([
      ["d\xffr", ""],
      ["d\xffr/a\xfeb, c", ""],
      ["link", "d\xffr"],
    ]);
    expect(tree.files.get("d\xffr/a\xfeb, c")?.toString()).toBe("odd");
  });

  it("sends a hard link once with its contents and then as a link to it", async () => {
    const { daemon, context } = await shareContext({ "b/first": "shared" });
    fs.linkSync(path.join(context, "b/first"), path.join(context, "c"));
    fs.linkSync(path.join(context, "b/first"), path.join(context, "a"));
    const tree = await receiveWhole(diffCopy(daemon));
    expect(tree.entries.map(({ path, linkname, size }) => [path, linkname, size])).toEqual([
      ["a", "", 6],
      ["b", "", 0],
      ["b/first", "a", 6],
      ["c", "a", 6],
    ]);
    const filtered = await receiveWhole(diffCopy(daemon, { "exclude-patterns": "a" }));
    expect(filtered.entries.map(({ path, linkname }) => [path, linkname])).toEqual([
      ["b", ""],
      ["b/first", ""],
      ["c", "b/first"],
    ]);
  });

  it("sends a named pipe as one, and a socket as an empty file", async () => {
    const { daemon, context } = await shareContext({});
    execFileSync("mkfifo", [path.join(context, "pipe")]);
    const server = createServer().listen(path.join(context, "socket"));
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once("listening", resolve));
    const tree = await receiveWhole(diffCopy(daemon));
    expect(tree.entries.map(({ path, mode }) => [path, mode & 0x8f280000])).toEqual([
      ["pipe", modeBits.pipe],
      ["socket", 0],
    ]);
    expect(tree.files.get("socket")?.length).toBe(0);
  });

  it("serves several calls at a time, and a name that it does not have to none", async () => {
    const { daemon } = await shareContext({ a: "1", b: "2" });
    const calls = [diffCopy(daemon), diffCopy(daemon), diffCopy(daemon, { "include-patterns": "b" })];
    expect(await Promise.all(calls.map(paths))).toEqual([["a", "b"], ["a", "b"], ["b"]]);
    const other = daemon.call(method, { "dir-name": "other" });
    expect(await other.status).toMatchObject({ code: 5, message: 'no access allowed to dir "other"' });
  });
});

describe("what a daemon chooses of a directory", () => {
  const files = { "a.txt": "", "b.txt": "", "dir/c.txt": "", "dir/keep": "", "dir/sub/d": "", "x, y": "" };

  it("is narrowed by include and exclude patterns, with the directories that lead there", async () => {
    const { daemon } = await shareContext(files);
    expect(await paths(diffCopy(daemon, { "include-patterns": "dir/*.txt" }))).toEqual(["dir", "dir/c.txt"]);
    expect(await paths(diffCopy(daemon, { "exclude-patterns": ["dir", "!dir/keep", "x, y"] }))).toEqual([
      "a.txt",
      "b.txt",
      "dir",
      "dir/keep",
    ]);
    expect(
      await paths(diffCopy(daemon, { "include-patterns": "**/d", "exclude-patterns": "dir/sub" })),
    ).toEqual([]);
  });

  it("comes encoded when it is not ASCII, and literally when it is", async () => {
    const { daemon } = await shareContext({ "ü b": "", "%41": "", "c+d": "" });
    const encoded = { "include-patterns": ["%C3%BC+b", "c%2Bd"], "include-patterns-encoded": "1" };
    expect(await paths(diffCopy(daemon, encoded))).toEqual(["c+d", "ü b"]);
    expect(await paths(diffCopy(daemon, { "include-patterns": ["%41", "c+d"] }))).toEqual(["%41", "c+d"]);
  });

  it("may follow links to what they lead to", async () => {
    const { daemon, context } = await shareContext({
      "real/target/file": "",
      "real/other": "",
      unrelated: "",
    });
    fs.symlinkSync("real/target", path.join(context, "link"));
    fs.symlinkSync("/real", path.join(context, "absolute"));
    fs.symlinkSync("../../..", path.join(context, "real/up"));
    expect(await paths(diffCopy(daemon, { followpaths: "link/file" }))).toEqual([
      "link",
      "real",
      "real/target",
      "real/target/file",
    ]);
    expect(await paths(diffCopy(daemon, { followpaths: "absolute/oth*" }))).toEqual([
      "absolute",
      "real",
      "real/other",
    ]);
    expect(await paths(diffCopy(daemon, { followpaths: "nope" }))).toEqual([]);
    expect(await paths(diffCopy(daemon, { followpaths: "real/up" }))).toContain("unrelated");
    expect(await paths(diffCopy(daemon, { followpaths: ["l*k", "unrelated"] }))).toContain(
      "real/target/file",
    );
  });

  it("may follow one link to several things, and links that lead into themselves", async () => {
    const { daemon, context } = await shareContext({ "real/a": "", "real/b": "", "real/c": "", other: "" });
    fs.symlinkSync("real", path.join(context, "link"));
    fs.symlinkSync("self/deeper", path.join(context, "self"));
    fs.symlinkSync("pong", path.join(context, "ping"));
    fs.symlinkSync("ping", path.join(context, "pong"));
    expect(await paths(diffCopy(daemon, { followpaths: ["link/a", "link/b"] }))).toEqual([
      "link",
      "real",
      "real/a",
      "real/b",
    ]);
    expect(await paths(diffCopy(daemon, { followpaths: ["self/x", "ping/y"] }))).toEqual([
      "ping",
      "pong",
      "self",
    ]);
    // A name that looks like a pattern is not taken for the link that it is.
    fs.symlinkSync("[x]", path.join(context, "[x]"));
    expect(await paths(diffCopy(daemon, { followpaths: ["[x]/*", "other"] }))).toEqual(["other"]);
    expect(await paths(diffCopy(daemon, { followpaths: ["/../other", "real/c"] }))).toEqual([
      "real",
      "real/c",
    ]);
  });

  it("may take thousands of rules, far more than Node's own server lets through", async () => {
    const { daemon } = await shareContext({ kept: "", "ignored-7": "" });
    const rules = Array.from({ length: 5000 }, (_, n) => `ignored-${n} with a long name, and a comma`);
    expect(await paths(diffCopy(daemon, { "exclude-patterns": [...rules, "ignored-7"] }))).toEqual(["kept"]);
  });

  it("is refused when a pattern cannot be read", async () => {
    const { daemon } = await shareContext({ a: "" });
    expect(await diffCopy(daemon, { "exclude-patterns": "[" }).status).toMatchObject({
      code: 3,
      message: expect.stringContaining('"["'),
    });
  });
});

describe("the report of a transfer", () => {
  it("says what was listed and sent, and where most of it is", async () => {
    const context = await tempDir();
    const write = (name: string, bytes: number) => {
      fs.mkdirSync(path.dirname(path.join(context, name)), { recursive: true });
      fs.writeFileSync(path.join(context, name), Buffer.alloc(bytes));
    };
    write("modules/a/large", 200_000);
    write("modules/a/small", 10);
    write("modules/b/c/d", 300);
    write("ignored/huge", 1_000_000);
    write("src/main", 50);
    fs.linkSync(path.join(context, "modules/a/large"), path.join(context, "same"));
    const reports: TransferReport[] = [];
    const { daemon } = await share({
      directories: { context },
      onTransfer: (report) => void reports.push(report),
    });
    await receiveWhole(diffCopy(daemon, { "exclude-patterns": "ignored" }), {
      wants: ({ path }) => path !== "src/main",
    });
    await expect
      .poll(() => reports)
      .toEqual([
        {
          name: "context",
          entries: 10,
          bytes: 200_360,
          sentFiles: 3,
          sentBytes: 200_310,
          largest: [
            { path: "modules", entries: 7, bytes: 200_310 },
            { path: "modules/a", entries: 3, bytes: 200_010 },
            { path: "modules/a/large", entries: 1, bytes: 200_000 },
            { path: "modules/b", entries: 3, bytes: 300 },
            { path: "modules/b/c", entries: 2, bytes: 300 },
            { path: "modules/b/c/d", entries: 1, bytes: 300 },
            { path: "src", entries: 2, bytes: 50 },
            { path: "src/main", entries: 1, bytes: 50 },
            { path: "modules/a/small", entries: 1, bytes: 10 },
          ],
        },
      ]);
  });
});

describe("what goes wrong while a directory is sent", () => {
  it("is told with the name of a file that vanished before it was asked for", async () => {
    const { daemon, session, context } = await shareContext({ gone: "x", here: "y" });
    const call = diffCopy(daemon);
    const packets = [await receivePacket(call), await receivePacket(call), await receivePacket(call)];
    expect(packets.map((packet) => packet?.stat?.path.length)).toEqual([4, 4, undefined]);
    fs.rmSync(path.join(context, "gone"));
    sendPacket(call, "REQ", { id: 0 });
    const error = await receivePacket(call);
    expect(Buffer.from(error?.data ?? []).toString()).toContain(path.join(context, "gone"));
    expect((await call.status).code).toBe(2);
    expect(session.failure).toBeInstanceOf(LocalSourceError);
    expect(session.failure).toMatchObject({ path: path.join(context, "gone"), systemCode: "ENOENT" });
  });

  it("is a file that became a link or a pipe, which is neither followed nor waited for", async () => {
    const { daemon, session, context } = await shareContext({ a: "x" });
    const call = diffCopy(daemon);
    await receivePacket(call);
    fs.rmSync(path.join(context, "a"));
    fs.symlinkSync("/etc/passwd", path.join(context, "a"));
    sendPacket(call, "REQ", { id: 0 });
    expect((await call.status).code).toBe(2);
    expect(session.failure).toMatchObject({ systemCode: "ELOOP" });
  });

  it("can be left empty in silence, as the Go client does", async () => {
    const context = await tempDir();
    fs.writeFileSync(path.join(context, "gone"), "x");
    const { daemon } = await share({ directories: { context }, onUnreadable: "empty" });
    const call = diffCopy(daemon);
    await receivePacket(call);
    fs.rmSync(path.join(context, "gone"));
    sendPacket(call, "REQ", { id: 0 });
    await receivePacket(call);
    const data = await receivePacket(call);
    expect([data?.ID, data?.data.length]).toEqual([0, 0]);
    sendPacket(call, "FIN");
    expect((await call.status).code).toBe(0);
  });

  it("is a daemon that asks for what there is not, or twice", async () => {
    const { daemon } = await shareContext({ "dir/file": "x" });
    for (const ids of [[0], [7], [1, 1]]) {
      const call = diffCopy(daemon);
      for (let stats = 0; stats < 3; stats++) await receivePacket(call);
      for (const id of ids) sendPacket(call, "REQ", { id });
      expect(await call.status).toMatchObject({
        code: 2,
        message: expect.stringContaining(`entry ${ids[0]}`),
      });
    }
  });

  it("is a daemon that gives up, sends nonsense, or hangs up", async () => {
    const { daemon, session } = await shareContext({ a: "" });
    const gaveUp = diffCopy(daemon);
    sendPacket(gaveUp, "ERR", { data: Buffer.from("no room left") });
    expect(await gaveUp.status).toMatchObject({ code: 2, message: expect.stringContaining("no room left") });
    const nonsense = diffCopy(daemon);
    nonsense.send(Buffer.from([0xff, 0xff, 0xff]));
    expect((await nonsense.status).code).toBe(2);
    const hungUp = diffCopy(daemon);
    hungUp.halfClose();
    expect((await hungUp.status).code).toBe(2);
    expect(session.state).toBe("open");
  });

  it("ends quietly when the daemon cancels in the middle", async () => {
    const { daemon, context, session } = await shareContext({ a: "" });
    fs.writeFileSync(path.join(context, "large"), Buffer.alloc(20_000_000));
    const call = diffCopy(daemon);
    for (let stats = 0; stats < 3; stats++) await receivePacket(call);
    sendPacket(call, "REQ", { id: 1 });
    await receivePacket(call);
    call.cancel();
    expect((await call.status).code).toBe(-1);
    expect(await paths(diffCopy(daemon, { "include-patterns": "a" }))).toEqual(["a"]);
    expect(session.failure).toBeUndefined();
  });

  it("is found at once when a directory does not exist, is a file, or has no name", async () => {
    const context = await tempDir();
    fs.writeFileSync(path.join(context, "file"), "");
    expect(() => fileSync({ directories: { context: path.join(context, "nope") } })).toThrow(
      "does not exist",
    );
    expect(() => fileSync({ directories: { context: path.join(context, "file") } })).toThrow(
      "is not a directory",
    );
    const stream = process.stdin as never;
    expect(() => fileSync({ directories: { context: stream } })).toThrow('the local source "context" is no');
  });
});
