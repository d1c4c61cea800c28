import fs from "node:fs";
import path from "node:path";
import {
  directorySink,
  type ExportSink,
  fileSend,
  fileSync,
  LocalSourceError,
  openSession,
} from "@buildkit-node/session";
import { describe, expect, it } from "vitest";
import { modeBits, receivePacket, receiveWhole, sendPacket, sendStat } from "./support/packets.ts";
import { scriptedDaemon } from "./support/scripted-daemon.ts";
import { tempDir } from "./support/temp-dir.ts";

const nobody = 65_534;

/** Runs as a user to whom permissions mean something; for root they do not. The test file has a process of its own. */
async function asNobody<T>(work: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return work();
  process.setegid?.(nobody);
  process.seteuid?.(nobody);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
  }
}

async function context(): Promise<string> {
  const directory = await tempDir();
  fs.chmodSync(directory, 0o755);
  fs.writeFileSync(path.join(directory, "open"), "x");
  fs.writeFileSync(path.join(directory, "secret"), "y", { mode: 0o000 });
  return directory;
}

describe("files of the caller's that may not be read", () => {
  it("fail the transfer with an error that names the file, once it is asked for", async () => {
    const directory = await context();
    await asNobody(async () => {
      const { connection, nextSession } = await scriptedDaemon();
      await using session = await openSession(connection, {
        attachables: [fileSync({ directories: { context: directory } })],
      });
      const daemon = await nextSession();
      const method = "/moby.filesync.v1.FileSync/DiffCopy";
      const unwanted = await receiveWhole(daemon.call(method, { "dir-name": "context" }), {
        wants: ({ path }) => path === "open",
      });
      expect(unwanted.error).toBeUndefined();
      const tree = await receiveWhole(daemon.call(method, { "dir-name": "context" }));
      expect(tree.error).toBe(`cannot read ${path.join(directory, "secret")}: permission denied`);
      expect(session.failure).toBeInstanceOf(LocalSourceError);
      expect(session.failure).toMatchObject({ path: path.join(directory, "secret"), systemCode: "EACCES" });
    });
  });

  it("are empty where the caller wants it so", async () => {
    const directory = await context();
    await asNobody(async () => {
      const { connection, nextSession } = await scriptedDaemon();
      await using _session = await openSession(connection, {
        attachables: [fileSync({ directories: { context: directory }, onUnreadable: "empty" })],
      });
      const call = (await nextSession()).call("/moby.filesync.v1.FileSync/DiffCopy", {
        "dir-name": "context",
      });
      const { files, error } = await receiveWhole(call);
      expect([files.get("open")?.toString(), files.get("secret")?.toString(), error]).toEqual([
        "x",
        "",
        undefined,
      ]);
    });
  });

  it("include directories, unless nothing of them is to be sent", async () => {
    const directory = await context();
    fs.rmSync(path.join(directory, "secret"));
    fs.mkdirSync(path.join(directory, "locked"), { mode: 0o000 });
    await asNobody(async () => {
      const { connection, nextSession } = await scriptedDaemon();
      await using session = await openSession(connection, {
        attachables: [fileSync({ directories: { context: directory } })],
      });
      const daemon = await nextSession();
      const select = (metadata: Record<string, string>) =>
        receiveWhole(
          daemon.call("/moby.filesync.v1.FileSync/DiffCopy", { "dir-name": "context", ...metadata }),
        );
      for (const metadata of [{ "exclude-patterns": "locked" }, { "include-patterns": "**/open" }]) {
        expect((await select(metadata as Record<string, string>)).entries.map(({ path }) => path)).toEqual([
          "open",
        ]);
      }
      expect((await select({})).error).toContain(path.join(directory, "locked"));
      expect(session.failure).toMatchObject({ systemCode: "EACCES" });
    });
  });

  it("are found before the build where it is the whole directory", async () => {
    const directory = await tempDir();
    fs.chmodSync(directory, 0o700);
    await asNobody(async () => {
      const shared = () => fileSync({ directories: { context: directory } });
      if (process.getuid?.() === 0) expect(shared).toThrow("permission denied");
    });
  });
});

describe("files that are received by somebody who is not root", () => {
  /** Sends a directory that is not writable in the end, with a file in it. */
  async function receive(sink: ExportSink): Promise<void> {
    const { connection, nextSession } = await scriptedDaemon();
    await using _session = await openSession(connection, { attachables: [fileSend(new Map([[0, sink]]))] });
    const call = (await nextSession()).call("/moby.filesync.v1.FileSend/DiffCopy");
    sendStat(call, { path: "closed", mode: (modeBits.directory | 0o555) >>> 0, uid: 5 });
    sendStat(call, { path: "closed/file", mode: 0o444, uid: 5, gid: 6 });
    sendPacket(call, "STAT");
    expect((await receivePacket(call))?.ID).toBe(1);
    sendPacket(call, "DATA", { id: 1, data: Buffer.from("x") });
    sendPacket(call, "DATA", { id: 1 });
    await receivePacket(call);
    sendPacket(call, "FIN");
    expect(await call.status).toEqual({ code: 0, message: "" });
  }

  async function theirs(): Promise<string> {
    const directory = await tempDir();
    if (process.geteuid?.() === 0) fs.chownSync(directory, nobody, nobody);
    return directory;
  }

  it("are theirs, also in directories that are not writable in the end, and a second time", async () => {
    const dest = await theirs();
    for (let time = 0; time < 2; time++) await asNobody(() => receive(directorySink({ dest })));
    const { mode, uid } = fs.statSync(path.join(dest, "closed/file"));
    expect([mode & 0o777, uid]).toEqual([0o444, process.geteuid?.() === 0 ? nobody : process.geteuid?.()]);
    expect(fs.statSync(path.join(dest, "closed")).mode & 0o777).toBe(0o555);
  });

  it("leave nothing when the build fails after all", async () => {
    const parent = await theirs();
    await asNobody(async () => {
      fs.mkdirSync(path.join(parent, "there"));
      for (const name of ["there", "new"]) {
        const sink = directorySink({ dest: path.join(parent, name) });
        await receive(sink);
        await sink.discard();
      }
    });
    expect(fs.readdirSync(parent, { recursive: true })).toEqual(["there"]);
  });

  it("take away directories that they may not read, if these are empty", async () => {
    const dest = await theirs();
    await asNobody(async () => {
      fs.mkdirSync(path.join(dest, "locked"), { mode: 0o000 });
      const { connection, nextSession } = await scriptedDaemon();
      const sink = directorySink({ dest, mode: "delete" });
      await using _session = await openSession(connection, { attachables: [fileSend(new Map([[0, sink]]))] });
      const method = "/moby.filesync.v1.FileSend/DiffCopy";
      const call = (await nextSession()).call(method, { "buildkit-exporter-multi-platform": "1" });
      sendPacket(call, "STAT");
      await receivePacket(call);
      sendPacket(call, "FIN");
      expect(await call.status).toEqual({ code: 0, message: "" });
    });
    expect(fs.readdirSync(dest)).toEqual([]);
  });

  it("leave nothing beside an entry whose place they cannot take", async ({ skip }) => {
    if (process.geteuid?.() !== 0) skip("needs files of somebody else's");
    const dest = await tempDir();
    // Only who owns an entry of a sticky directory may replace it.
    fs.mkdirSync(path.join(dest, "closed"));
    fs.writeFileSync(path.join(dest, "closed/file"), "");
    fs.chmodSync(path.join(dest, "closed"), 0o1777);
    fs.chmodSync(dest, 0o1777);
    await asNobody(async () => {
      await expect(receive(directorySink({ dest }))).rejects.toThrow();
    });
    expect(fs.readdirSync(dest, { recursive: true }).sort()).toEqual(["closed", "closed/file"]);
  });

  it("leave no link behind that cannot be given to its owner", async ({ skip }) => {
    if (process.geteuid?.() !== 0) skip("needs two users");
    const dest = await theirs();
    await asNobody(async () => {
      const { connection, nextSession } = await scriptedDaemon();
      const sink = directorySink({ dest, ownership: "preserve" });
      await using _session = await openSession(connection, { attachables: [fileSend(new Map([[0, sink]]))] });
      const call = (await nextSession()).call("/moby.filesync.v1.FileSend/DiffCopy");
      sendStat(call, { path: "link", mode: (modeBits.symlink | 0o777) >>> 0, uid: 5, linkname: "x" });
      sendPacket(call, "STAT");
      expect((await call.status).message).toContain("permission denied");
    });
    expect(fs.readdirSync(dest)).toEqual([]);
  });

  it("join what several builds make at the same time", async () => {
    const parent = await theirs();
    const dest = path.join(parent, "out");
    await asNobody(async () => {
      const sinks = [directorySink({ dest }), directorySink({ dest })];
      for (const sink of sinks) await receive(sink);
      for (const sink of sinks) await sink.commit();
      const joined = directorySink({ dest });
      await receive(joined);
      await joined.commit();
    });
    expect(fs.readdirSync(parent, { recursive: true }).sort()).toEqual([
      "out",
      "out/closed",
      "out/closed/file",
    ]);
    expect(fs.statSync(path.join(dest, "closed")).mode & 0o777).toBe(0o555);
  });
});
