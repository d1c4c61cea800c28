import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { connect } from "@buildkit-node/control";
import { type LocalOptions, local } from "@buildkit-node/llb";
import { afterAll, beforeAll, expect, it } from "vitest";
import { needsCapability } from "../../support/capabilities.ts";
import { describeGraphs } from "../../support/graph-cases.ts";
import { describeEachDaemon } from "../../support/ways.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "bk-llb-local-"));
  await mkdir(path.join(folder, "tree", "sub"), { recursive: true });
  for (const name of ["a.txt", "b.txt", "c.md", "sub/d.txt"]) {
    await writeFile(path.join(folder, "tree", name), `${name}\n`);
  }
  await symlink("sub/d.txt", path.join(folder, "tree", "link"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const list = "find . -mindepth 1 | sort | xargs";

describeGraphs(
  "local sources",
  {
    "are a directory as it is": {
      state: () => local("tree"),
      look: `${list}; cat link`,
      prints: "./a.txt ./b.txt ./c.md ./link ./sub ./sub/d.txt\nsub/d.txt",
    },
    include: { state: () => local("tree", { include: ["*.txt"] }), look: list, prints: "./a.txt ./b.txt" },
    exclude: {
      state: () => local("tree", { exclude: ["*.txt", "sub", "!b.txt"] }),
      look: list,
      prints: "./b.txt ./c.md ./link",
    },
    "include and exclude": {
      state: () => local("tree", { include: ["*.txt", "sub"], exclude: ["a*"] }),
      look: list,
      prints: "./b.txt ./sub ./sub/d.txt",
    },
    "followPaths: a link and what it points to": {
      state: () => local("tree", { followPaths: ["link"] }),
      look: `${list}; cat link`,
      prints: "./link ./sub ./sub/d.txt\nsub/d.txt",
    },
    "metadataOnly: a file that tells of all others": {
      state: () => local("tree", { metadataOnly: true }),
      look: `${list}; grep -q sub/d.txt .fsutil-metadata && echo tells`,
      prints: "./.fsutil-metadata\ntells",
    },
    "metadataOnly but for some": {
      state: () => local("tree", { metadataOnly: { except: ["b.txt"] } }),
      look: list,
      prints: "./.fsutil-metadata ./b.txt",
    },
    localUniqueId: {
      state: () => local("tree", { localUniqueId: "mine" }),
      look: "cat a.txt",
      prints: "a.txt",
    },
  },
  { solve: () => ({ locals: { tree: path.join(folder, "tree") } }) },
);

describeEachDaemon("local sources", ({ address }) => {
  it("of the session that is named", async (context) => {
    await using client = await connect(address);
    await needsCapability(context, client, "source.local.sessionid");
    const read: string[] = [];
    await client.build(
      async (gateway) => {
        const named = await gateway.solve(local("tree", { sessionId: gateway.sessionId }));
        read.push(Buffer.from(await named.readFile("/a.txt")).toString());
      },
      { locals: { tree: path.join(folder, "tree") } },
    );
    expect(read).toEqual(["a.txt\n"]);
  });

  /**
   * What daemons make of a file that changes its content alone: by size and time it is the same as before, so whoever
   * finds what was sent before and compares metadata keeps that.
   */
  async function afterChange(options: LocalOptions, then: LocalOptions = options): Promise<string> {
    const directory = await mkdtemp(path.join(folder, "changing-"));
    const file = path.join(directory, "f");
    await using client = await connect(address);
    const read: string[] = [];
    for (const [content, given] of [
      ["before", options],
      ["behind", then],
    ] as const) {
      await writeFile(file, content);
      await utimes(file, 1_000_000_000, 1_000_000_000);
      await client.build(
        async (gateway) => {
          const tree = await gateway.solve(local("changing", given));
          read.push(Buffer.from(await tree.readFile("/f")).toString());
        },
        { locals: { changing: directory }, sharedKey: directory },
      );
    }
    expect(read[0]).toBe("before");
    return read[1] ?? "";
  }

  it("are compared by metadata, unless differ is none", async (context) => {
    await using client = await connect(address);
    expect(await afterChange({})).toBe("before");
    expect(await afterChange({ differ: { type: "metadata" } })).toBe("before");
    await needsCapability(context, client, "source.local.differ");
    expect(await afterChange({ differ: { type: "none", required: true } })).toBe("behind");
  });

  it("are found again under the same sharedKeyHint", async () => {
    expect(await afterChange({ sharedKeyHint: "one" })).toBe("before");
    expect(await afterChange({ sharedKeyHint: "one" }, { sharedKeyHint: "two" })).toBe("behind");
  });
});
