import { Readable } from "node:stream";
import { setTimeout } from "node:timers/promises";
import {
  fileSync,
  openSession,
  type Session,
  type VirtualDirectory,
  type VirtualEntry,
  virtualDirectory,
} from "@buildkit-node/session";
import { describe, expect, it, onTestFinished } from "vitest";
import { modeBits, type ReceivedTree, receivePacket, receiveWhole, sendPacket } from "./support/packets.ts";
import { type DaemonCall, type DaemonSession, scriptedDaemon } from "./support/scripted-daemon.ts";

async function share(
  context: VirtualDirectory,
): Promise<{ readonly daemon: DaemonSession; readonly session: Session }> {
  const { connection, nextSession } = await scriptedDaemon();
  const session = await openSession(connection, { attachables: [fileSync({ directories: { context } })] });
  onTestFinished(() => session.close());
  return { session, daemon: await nextSession() };
}

function diffCopy(
  daemon: DaemonSession,
  metadata: Readonly<Record<string, string | string[]>> = {},
): DaemonCall {
  return daemon.call("/moby.filesync.v1.FileSync/DiffCopy", { "dir-name": "context", ...metadata });
}

async function received(
  directory: VirtualDirectory,
  metadata?: Readonly<Record<string, string | string[]>>,
): Promise<ReceivedTree> {
  return receiveWhole(diffCopy((await share(directory)).daemon, metadata));
}

async function paths(
  directory: VirtualDirectory,
  metadata?: Readonly<Record<string, string | string[]>>,
): Promise<string[]> {
  return (await received(directory, metadata)).entries.map(({ path }) => path);
}

function texts({ files }: ReceivedTree): Record<string, string> {
  return Object.fromEntries([...files].map(([name, bytes]) => [name, bytes.toString()]));
}

/** What a transfer of the entries fails with. */
async function failure(entries: readonly VirtualEntry[], sort = false): Promise<string | undefined> {
  const { daemon, session } = await share(virtualDirectory(entries, { sort }));
  const { error } = await receiveWhole(diffCopy(daemon));
  if (session.failure !== undefined)
    expect(session.failure).toMatchObject({ code: "ERR_BUILDKIT_LOCAL_SOURCE" });
  return error ?? (session.failure as Error | undefined)?.message;
}

const text = (path: string, contents = path): VirtualEntry => ({
  path,
  stat: { size: Buffer.byteLength(contents) },
  open: () => contents,
});

describe("a virtual directory", () => {
  it("is sent as if it were on disk: types, modes, owners, times, links", async () => {
    async function* entries(): AsyncGenerator<VirtualEntry> {
      yield { path: "bin", stat: { type: "directory", mode: 0o1777, uid: 3, mtime: 5n } };
      yield { path: "bin/tool", stat: { mode: 0o4755, size: 2, mtime: new Date(1500) }, open: () => "#!" };
      yield { path: "hard", stat: { type: "hardLink", linkname: "bin/tool" } };
      yield { path: "link", stat: { type: "symlink", linkname: "bin/tool" } };
      yield { path: "pipe", stat: { type: "pipe", mode: 0o600 } };
    }
    const tree = await received(virtualDirectory(entries()));
    expect(tree.entries).toMatchObject([
      { path: "bin", mode: (modeBits.directory | 0x00100000 | 0o777) >>> 0, uid: 3, mtimeNs: 5n },
      { path: "bin/tool", mode: modeBits.setuid | 0o755, size: 2, mtimeNs: 1_500_000_000n },
      { path: "hard", mode: modeBits.setuid | 0o755, linkname: "bin/tool", size: 2 },
      { path: "link", mode: modeBits.symlink | 0o777, linkname: "bin/tool" },
      { path: "pipe", mode: modeBits.pipe | 0o600 },
    ]);
    expect(texts(tree)).toEqual({ "bin/tool": "#!" });
  });

  it("has times as far as they can be sent", async () => {
    const times = [-(2n ** 63n), new Date("1677-09-22"), -1n, new Date("2262-04-11"), 2n ** 63n - 1n];
    const tree = await received(
      virtualDirectory(times.map((mtime, at) => ({ path: `${at}`, stat: { mtime } }))),
    );
    expect(tree.entries.map(({ mtimeNs }) => mtimeNs)).toEqual(
      times.map((time) => (typeof time === "bigint" ? time : BigInt(time.getTime()) * 1_000_000n)),
    );
  });

  it("takes contents in any form, of any length", async () => {
    const large = Buffer.alloc(700_001, "large ");
    const forms: Readonly<Record<string, NonNullable<VirtualEntry["open"]>>> = {
      bytes: () => new Uint8Array(large),
      generator: async function* () {
        for (let at = 0; at < large.length; at += 1000) yield large.subarray(at, at + 1000);
      },
      late: () => setTimeout(5, large.toString()),
      none: () => "",
      pieces: () => [large.subarray(0, 3), new Uint8Array(), large.subarray(3)],
      readable: () => Readable.from([large]),
      web: () => Readable.toWeb(Readable.from([large])) as ReadableStream<Uint8Array>,
    };
    const tree = await received(
      virtualDirectory(Object.entries(forms).map(([path, open]) => ({ path, open }))),
    );
    expect(tree.error).toBeUndefined();
    for (const [name, bytes] of tree.files)
      expect(bytes.equals(name === "none" ? Buffer.alloc(0) : large), name).toBe(true);
    expect(tree.files.size).toBe(7);
  });

  it("keeps names that are not UTF-8", async () => {
    const name = Buffer.from("a\xffb", "latin1");
    const { daemon } = await share(virtualDirectory([{ path: name, open: () => "odd" }]));
    const tree = await receiveWhole(diffCopy(daemon), { encoding: "latin1" });
    expect(texts(tree)).toEqual({ "a\xffb": "odd" });
  });

  it("makes directories that nobody has named, and sorts what comes in any order", async () => {
    const entries = ["z", "a-b", "a/f", "\u{1f600}", "\uff5e", "a.txt", "b/c/d"].map((path) => text(path));
    const tree = await received(virtualDirectory(entries, { sort: true }));
    expect(tree.entries.map(({ path }) => path)).toEqual([
      ...["a", "a/f", "a-b", "a.txt", "b", "b/c", "b/c/d", "z", "\uff5e", "\u{1f600}"],
    ]);
    expect(tree.entries[0]).toMatchObject({ mode: (modeBits.directory | 0o755) >>> 0, mtimeNs: 0n });
  });

  it("is narrowed by patterns, and a file whose first link is left out is sent under the next", async () => {
    const directory = virtualDirectory(
      [
        text("dir/a", "shared"),
        { path: "dir/b", stat: { type: "hardLink", linkname: "dir/a" } },
        { path: "dir/c", stat: { type: "hardLink", linkname: "dir/a" } },
        { path: "link", stat: { type: "symlink", linkname: "dir" } },
        text("other"),
      ],
      { sort: true },
    );
    const filtered = await received(directory, { "exclude-patterns": ["dir/a", "link"] });
    expect(filtered.entries.map(({ path, linkname }) => [path, linkname])).toEqual([
      ...[
        ["dir", ""],
        ["dir/b", ""],
        ["dir/c", "dir/b"],
        ["other", ""],
      ],
    ]);
    expect(texts(filtered)).toEqual({ "dir/b": "shared", other: "other" });
    expect(await paths(directory, { "include-patterns": "**/c" })).toEqual(["dir", "dir/c"]);
    expect(await paths(directory, { followpaths: ["link/a", "oth*"] })).toEqual([
      "dir",
      "dir/a",
      "link",
      "other",
    ]);
  });

  it("may have a hard link before the file that it leads to, once it is sorted", async () => {
    const entries = [text("z", "shared"), { path: "a", stat: { type: "hardLink", linkname: "z" } } as const];
    const tree = await received(virtualDirectory(entries, { sort: true }));
    expect(tree.entries.map(({ path, linkname }) => [path, linkname])).toEqual([
      ["a", ""],
      ["z", "a"],
    ]);
    expect(texts(tree)).toEqual({ a: "shared" });
  });

  it("is read once for all transfers of a build, and contents only when they are asked for", async () => {
    let reads = 0;
    const opened: string[] = [];
    const { daemon } = await share(
      virtualDirectory(() => {
        reads++;
        const open = (path: string) => {
          opened.push(path);
          return path;
        };
        return ["a", "b"].map((path) => ({ path, open: () => open(path) }));
      }),
    );
    const all = await Promise.all(
      [diffCopy(daemon), diffCopy(daemon)].map((call) =>
        receiveWhole(call, { wants: ({ path }) => path === "b" }),
      ),
    );
    expect(all.map(texts)).toEqual([{ b: "b" }, { b: "b" }]);
    expect([reads, opened]).toEqual([1, ["b", "b"]]);
  });
});

describe("entries that are wrong", () => {
  it("are named, with the entry that they do not go with", async () => {
    expect(await failure([text("b"), text("a")])).toMatch(/"a".*behind "b".*sort: true/);
    expect(await failure([text("a-b"), text("a/f")])).toMatch(/"a\/f".*behind "a-b"/);
    expect(await failure([text("a"), text("a")])).toMatch(/"a".*twice/);
    expect(await failure([text("a/b"), text("a")], true)).toMatch(/"a".*below it/);
    expect(await failure([text("a"), text("a/b")])).toMatch(/"a\/b".*below "a", which is no directory/);
    expect(await failure([{ path: "x", stat: { type: "hardLink", linkname: "y" } }])).toMatch(
      /"x".*"y".*not there/,
    );
    for (const path of ["/a", "a//b", "a/", "./a", "..", "a/../b", "", "a\0b"])
      expect(await failure([text(path)]), path).toContain("a path is relative");
  });

  it.each<readonly [VirtualEntry["stat"] & object, RegExp]>([
    [{ type: "socket" as "pipe" }, /no type "socket"/],
    [{ mode: 0o100644 }, /mode/],
    [{ size: -1 }, /size/],
    [{ size: Number.NaN }, /size/],
    [{ mtime: new Date("nonsense") }, /valid Date/],
    [{ mtime: 1_700_000_000 as unknown as bigint }, /neither a Date nor a bigint/],
    [{ mtime: new Date("0001-01-01") }, /between 1677-09-22 and 2262-04-11/],
    [{ mtime: new Date("9999-12-31") }, /between 1677-09-22 and 2262-04-11/],
    [{ mtime: 2n ** 63n }, /between 1677-09-22 and 2262-04-11/],
    [{ uid: -1 }, /32 bits/],
    [{ type: "characterDevice", deviceMajor: 2 ** 32 }, /32 bits/],
    [{ type: "symlink" }, /linkname/],
  ])("are named with what cannot be said of them: %o", async (stat, message) => {
    const error = await failure([{ path: "odd", stat }]);
    expect(error).toContain('"odd"');
    expect(error).toMatch(message);
  });

  it("are named when they cannot be read", async () => {
    const { daemon } = await share(
      virtualDirectory(async function* () {
        yield text("first");
        throw new Error("no more");
      }),
    );
    const call = diffCopy(daemon);
    expect(await call.status).toMatchObject({
      message: expect.stringMatching(/"context" behind "first": no more/),
    });
    const refuse = () => {
      throw new Error("not today");
    };
    const failing: NonNullable<VirtualEntry["open"]>[] = [
      refuse,
      async () => refuse(),
      async function* () {
        yield Buffer.from("half");
        refuse();
      },
      () => ["text"] as unknown as Uint8Array[],
    ];
    for (const open of failing)
      expect(await failure([{ path: "dir/bad", open }])).toMatch(
        /"dir\/bad".*"context": (not today|.*not bytes)/,
      );
  });

  it("are an error when a generator would have to be read again", async () => {
    const directory = virtualDirectory(
      (function* () {
        yield text("a");
      })(),
    );
    expect(await paths(directory)).toEqual(["a"]);
    const { daemon, session } = await share(directory);
    expect(await diffCopy(daemon).status).toMatchObject({
      message: expect.stringContaining("earlier build"),
    });
    expect(session.failure).toBeDefined();
  });

  it("do not keep a transfer from ending when their contents never come", async () => {
    let returned = false;
    const { daemon } = await share(
      virtualDirectory([
        {
          path: "stuck",
          open: () => ({
            [Symbol.asyncIterator]: () => ({
              next: () => new Promise<never>(() => {}),
              return: async () => {
                returned = true;
                return { done: true as const, value: undefined };
              },
            }),
          }),
        },
        text("well"),
      ]),
    );
    const call = diffCopy(daemon);
    for (let stats = 0; stats < 3; stats++) await receivePacket(call);
    sendPacket(call, "REQ", { id: 0 });
    sendPacket(call, "REQ", { id: 1 });
    expect(Buffer.from((await receivePacket(call))?.data ?? []).toString()).toBe("well");
    call.cancel();
    await expect.poll(() => returned).toBe(true);
  });
});
