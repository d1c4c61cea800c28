import { mkfile, scratch } from "@buildkit-node/llb";
import type { ReadFileRequest } from "@buildkit-node/proto/gateway";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import type { FileStat, Reference } from "../src/index.ts";
import { build, type Script } from "./support/scripted-daemon.ts";

const graph = scratch().file(mkfile("/f", "x"));
const solve = () => ({ result: { result: { case: "ref" as const, value: { id: "r1" } } } });

/** Runs `use` on a reference of a scripted daemon. */
async function withReference<T>(
  bridge: NonNullable<Script["bridge"]>,
  use: (ref: Reference) => Promise<T>,
  capabilities?: readonly string[],
): Promise<T> {
  const results: T[] = [];
  const script = { bridge: { solve, ...bridge }, ...(capabilities && { capabilities }) };
  const { thrown } = await build(script, async (gateway) => {
    results.push(await use(await gateway.solve(graph)));
    return undefined;
  });
  if (thrown !== undefined) throw thrown;
  const [result] = results;
  return result as T;
}

const mebibyte = 1024 * 1024;

/** A file of so many bytes, each its place modulo 251. */
function fileOf(size: number, seen: ReadFileRequest[] = []): NonNullable<Script["bridge"]> {
  const data = Buffer.alloc(
    size,
    Uint8Array.from({ length: 251 }, (_, index) => index),
  );
  return {
    readFile: (request) => {
      seen.push(request);
      const from = Number(request.Range?.Offset);
      return { Data: data.subarray(from, from + Number(request.Range?.Length)) };
    },
  };
}

describe("readFile", () => {
  it.each([0, 1, 4 * mebibyte - 1, 4 * mebibyte, 8 * mebibyte, 9 * mebibyte + 3])(
    "reads a file of %i bytes to its end",
    async (size) => {
      const bytes = await withReference(fileOf(size), (ref) => ref.readFile("/f"));
      expect(bytes.length).toBe(size);
      expect(bytes.at(-1)).toBe(size === 0 ? undefined : (size - 1) % 251);
    },
  );

  it("reads a part, and no more than that", async () => {
    const seen: ReadFileRequest[] = [];
    const bytes = await withReference(fileOf(1000, seen), (ref) =>
      ref.readFile("f", { offset: 10, length: 5 }),
    );
    expect([...bytes]).toEqual([10, 11, 12, 13, 14]);
    expect(seen).toHaveLength(1);
    const past = await withReference(fileOf(10), (ref) => ref.readFile("f", { offset: 100 }));
    expect(past).toHaveLength(0);
    const none = await withReference(fileOf(10), (ref) => ref.readFile("f", { length: 0 }));
    expect(none).toHaveLength(0);
  });

  it.each([{ offset: -1 }, { length: 1.5 }, { offset: Number.NaN }])(
    "refuses the range %o",
    async (range) => {
      const reading = withReference(fileOf(10), (ref) => ref.readFile("f", range));
      await expect(reading).rejects.toMatchObject({ code: "ERR_BUILDKIT_INVALID_ARGUMENT" });
    },
  );

  it("asks for no more of a stream that is left", async () => {
    const seen: ReadFileRequest[] = [];
    await withReference(fileOf(20 * mebibyte, seen), async (ref) => {
      for await (const piece of ref.streamFile("f")) {
        expect(piece.length).toBe(4 * mebibyte);
        break;
      }
    });
    expect(seen).toHaveLength(1);
  });

  it.each([
    ["open nope: no such file or directory", "missing"],
    ["read /x: is a directory", "not-a-file"],
    ["/bin is not a regular file", "not-a-file"],
    ["lstat /a/b: not a directory", "not-a-directory"],
    ["too many levels of symbolic links", "other"],
  ])("says why it cannot: %s", async (text, problem) => {
    const readFile = () => {
      throw new ConnectError(text, Code.Unknown);
    };
    const reading = withReference({ readFile }, (ref) => ref.readFile("/x"));
    await expect(reading).rejects.toMatchObject({ code: "ERR_BUILDKIT_FILE", path: "/x", problem });
  });
});

describe("an empty result", () => {
  it("has no files, and asks the daemon for none", async () => {
    const { calls, thrown } = await build({}, async (gateway) => {
      const ref = await gateway.solve(scratch());
      expect(ref.empty).toBe(true);
      expect(await ref.readDir()).toEqual([]);
      for await (const entry of ref.walk()) expect.unreachable(entry.path);
      await ref.evaluate();
      await expect(ref.readFile("/x")).rejects.toMatchObject({ problem: "missing" });
      await expect(ref.statFile("/x")).rejects.toMatchObject({ problem: "missing" });
      return ref;
    });
    expect(thrown).toBeUndefined();
    expect(calls).toEqual(["Return"]);
  });
});

describe("directories", () => {
  const directory = 2 ** 31 + 0o755;
  const trees: Readonly<Record<string, readonly (readonly [name: string, mode: number])[]>> = {
    "/": [
      ["a", directory],
      ["b", 2 ** 27 + 0o777],
      ["c", 2 ** 23 + 0o755],
    ],
    "/a": [["d", 0o644]],
  };
  const readDir: NonNullable<Script["bridge"]>["readDir"] = ({ DirPath }) => ({
    entries: (trees[DirPath] ?? []).map(([name, mode]) => ({
      path: Buffer.from(name),
      mode,
      linkname: Buffer.from("a/d"),
      modTime: 1_500_000_000_123_456_789n,
    })),
  });

  it("are walked, each before what is in it, without following links", async () => {
    const found = await withReference({ readDir }, async (ref) => {
      const entries: [string, FileStat["kind"]][] = [];
      for await (const { path, stat } of ref.walk()) entries.push([path, stat.kind]);
      return entries;
    });
    expect(found).toEqual([
      ["a", "directory"],
      ["a/d", "file"],
      ["b", "symlink"],
      ["c", "file"],
    ]);
  });

  it("tell what their files are", async () => {
    const [, link, program] = await withReference({ readDir }, (ref) => ref.readDir("/"));
    expect(link).toMatchObject({ name: "b", target: "a/d", mode: 0o777 });
    expect(program).toMatchObject({ mode: 0o4755, modifiedMs: 1_500_000_000_123.4568 });
    expect(program).not.toHaveProperty("target");
  });

  it("cannot be read on a daemon that has no call for it", async () => {
    const listing = withReference({ readDir }, (ref) => ref.readDir("/"), ["readfile"]);
    await expect(listing).rejects.toMatchObject({ capability: "readdir" });
  });
});

describe("evaluate", () => {
  it("falls back to looking at the root", async () => {
    const paths: string[] = [];
    const statFile: NonNullable<Script["bridge"]>["statFile"] = ({ Path }) => {
      paths.push(Path);
      return {};
    };
    await withReference({ statFile }, (ref) => ref.evaluate(), ["readfile", "statfile"]);
    expect(paths).toEqual(["."]);
  });
});
