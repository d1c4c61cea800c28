import fs from "node:fs";
import path from "node:path";
import { DestinationError, directorySink, fileSend, fileSync, openSession } from "@buildkit-node/session";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { receivePacket, receiveWhole, sendStat } from "./support/packets.ts";
import { scriptedDaemon } from "./support/scripted-daemon.ts";
import { tempDir } from "./support/temp-dir.ts";

const platform = process.platform;

// The rules of Windows, on whatever file system there is: each transfer asks for the platform anew.
beforeEach(() => {
  Object.defineProperty(process, "platform", { value: "win32" });
});

afterEach(() => {
  Object.defineProperty(process, "platform", { value: platform });
});

describe("files of a Windows machine", () => {
  it("are sent with modes that let them run, and links with slashes, which are followed without their drive", async () => {
    const context = await tempDir();
    fs.mkdirSync(path.join(context, "real"), { mode: 0o700 });
    fs.writeFileSync(path.join(context, "real/file"), "x", { mode: 0o666 });
    fs.chmodSync(path.join(context, "real/file"), 0o666);
    fs.writeFileSync(path.join(context, "unrelated"), "x");
    fs.symlinkSync("..\\elsewhere", path.join(context, "real/link"));
    fs.symlinkSync("C:\\real", path.join(context, "drive"));
    const { connection, nextSession } = await scriptedDaemon();
    await using _session = await openSession(connection, {
      attachables: [fileSync({ directories: { context } })],
    });
    const daemon = await nextSession();
    const { entries } = await receiveWhole(
      daemon.call("/moby.filesync.v1.FileSync/DiffCopy", { "dir-name": "context", followpaths: ["drive/*"] }),
    );
    expect(entries.map(({ path, mode, linkname }) => [path, mode & 0o777, linkname])).toEqual([
      ["drive", 0o755, "C:/real"],
      ["real", 0o711, ""],
      ["real/file", 0o755, ""],
      ["real/link", 0o755, "../elsewhere"],
    ]);
  });

  it.each([
    ["a\\..\\..\\b", "\\\\"],
    ["C:", ":"],
    ["stream:data", ":"],
    ["what?", "?"],
    ["NUL", "device"],
    ["con.txt", "device"],
    ["Com1", "device"],
    ["lpt\u00b2.log", "device"],
    ["dot.", "a dot or a space"],
    ["space ", "a dot or a space"],
  ])("are not written where they would be something else: %s", async (name, why) => {
    const parent = await tempDir();
    const dest = path.join(parent, "dest");
    const { connection, nextSession } = await scriptedDaemon();
    await using session = await openSession(connection, {
      attachables: [fileSend(new Map([[0, directorySink({ dest })]]))],
    });
    const daemon = await nextSession();
    for (const entry of [{ path: name }, { path: "link", linkname: name }]) {
      const call = daemon.call("/moby.filesync.v1.FileSend/DiffCopy", {});
      sendStat(call, entry);
      expect(Buffer.from((await receivePacket(call))?.data ?? []).toString()).toContain(why);
      await call.status;
    }
    expect(session.failure).toBeInstanceOf(DestinationError);
    expect(fs.readdirSync(parent)).toEqual([]);
  });
});
