import { execFileSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import {
  connect,
  docker,
  imageDirectory,
  LocalSourceError,
  llb,
  local,
  oci,
  tar,
  tarDirectory,
  type VirtualEntry,
  virtualDirectory,
} from "buildkit-node";
import { expect, it } from "vitest";
import { workDirectory } from "../support/tools.ts";
import { treeListing } from "../support/tree-listing.ts";
import { describeEachDaemon } from "../support/ways.ts";

const text = (path: string, contents: string): VirtualEntry => ({
  path,
  stat: { size: Buffer.byteLength(contents) },
  open: () => contents,
});

describeEachDaemon("files that are not on disk", ({ address }) => {
  it("are uploaded with owners, modes, times and links", async () => {
    await using folder = await workDirectory();
    await using client = await connect(address);
    const source = virtualDirectory(
      [
        { path: "bin/tool", stat: { mode: 0o4755, mtime: new Date(86_400_000), size: 3 }, open: () => "run" },
        { path: "hard", stat: { type: "hardLink", linkname: "bin/tool" } },
        { path: "link", stat: { type: "symlink", linkname: "bin/tool" } },
        { path: "owned", stat: { uid: 12, gid: 34 }, open: () => [Buffer.alloc(2_000_000, "x")] },
      ],
      { sort: true },
    );
    await client.solve(llb.scratch().file(llb.copy(llb.local("virtual"), "/", "/", { contentsOnly: true })), {
      locals: { virtual: source },
      exports: [local({ dest: folder.in("out"), ownership: "preserve" })],
    });
    expect(treeListing(folder.in("out"))).toMatchObject([
      { path: "bin", mode: "40755" },
      { path: "bin/tool", mode: "104755", mtimeNs: 86_400_000_000_000n, size: 3n },
      { path: "hard", sharedWith: "bin/tool" },
      { path: "link", target: "bin/tool" },
      { path: "owned", owner: "12:34", size: 2_000_000n },
    ]);
  });

  it("may be devices and pipes, which come home as such", async (context) => {
    if (process.getuid?.() !== 0) context.skip("needs the privilege to make devices");
    await using folder = await workDirectory();
    await using client = await connect(address);
    const source = virtualDirectory([
      { path: "null", stat: { type: "characterDevice", mode: 0o666, deviceMajor: 1, deviceMinor: 3 } },
      { path: "pipe", stat: { type: "pipe", mode: 0o600 } },
      { path: "wide", stat: { type: "blockDevice", mode: 0o600, deviceMajor: 259, deviceMinor: 70_000 } },
    ]);
    const exports = [local({ dest: folder.in("out") })];
    // The source itself: a daemon's copy of a block device is a character device.
    await client.solve(llb.local("virtual"), { locals: { virtual: source }, exports });
    const listed = execFileSync("stat", ["-c", "%n %F %t:%T %a", "null", "pipe", "wide"], {
      cwd: folder.in("out"),
      encoding: "utf8",
    });
    expect(listed.split("\n")).toEqual([
      "null character special file 1:3 666",
      "pipe fifo 0:0 600",
      "wide block special file 103:11170 600",
      "",
    ]);
  });

  it("are a Dockerfile's context, with its ignore file and links, build after build", async () => {
    await using folder = await workDirectory();
    await using client = await connect(address);
    for (const version of ["one", "two"]) {
      const context = virtualDirectory(
        [
          text("Dockerfile.app", "FROM scratch\nCOPY link/wanted a* /\n"),
          text("Dockerfile.app.dockerignore", "above*"),
          text("above", "left out"),
          text("app", version),
          { path: "link", stat: { type: "symlink", linkname: "real" } },
          text("real/unwanted", "not asked for"),
          text("real/wanted", version),
        ],
        { sort: true },
      );
      const dest = folder.in(version);
      await client.solveDockerfile({ context, dockerfile: "Dockerfile.app", exports: [local({ dest })] });
      expect(treeListing(dest).map(({ path }) => path)).toEqual(["app", "wanted"]);
      // The same size and time, and other contents.
      expect(readFileSync(folder.in(version, "wanted"), "utf8")).toBe(version);
    }
  });

  it("are what an earlier build left in an archive or an image, written into another build", async () => {
    await using folder = await workDirectory();
    await using client = await connect(address);
    const base = llb
      .scratch()
      .file([llb.mkdir("/d"), llb.mkfile("/d/gone", "x"), llb.mkfile("/d/old", "old")]);
    const changed = base.file([llb.rm("/d/gone"), llb.mkfile("/d/old", "new")]);
    const artifact = changed.file(llb.mkfile("/tool", "run", { mode: 0o755, owner: "7:8" }));
    await client.solve(artifact, { exports: [tar({ dest: folder.in("files.tar") })] });
    // The result of a build before may have layers that are compressed already.
    const plain = { compression: "uncompressed", forceCompression: true } as const;
    await client.solve(artifact, { exports: [oci({ dest: folder.in("oci.tar") })] });
    await client.solve(artifact, { exports: [oci({ dest: folder.in("plain.tar"), ...plain })] });
    await client.solve(artifact, {
      exports: [docker({ dest: folder.in("docker.tar"), name: "artifact:dev" })],
    });
    await client.solve(artifact, { exports: [oci({ dest: folder.in("layout"), tar: false })] });
    const sources = [
      tarDirectory(folder.in("files.tar")),
      ...["oci.tar", "plain.tar", "docker.tar", "layout"].map((name) => imageDirectory(folder.in(name))),
    ];
    for (const source of sources) {
      await using virtual = source;
      const copied = llb.scratch().file(llb.copy(llb.local("virtual"), "/", "/", { contentsOnly: true }));
      const dest = folder.in("out");
      const exports = [local({ dest, ownership: "preserve" as const })];
      await client.solve(copied, { locals: { virtual }, exports });
      expect(treeListing(dest)).toMatchObject([
        { path: "d", mode: "40755" },
        { path: "d/old", mode: "100644" },
        { path: "tool", mode: "100755", owner: "7:8" },
      ]);
      expect(readFileSync(folder.in("out/d/old"), "utf8")).toBe("new");
      rmSync(dest, { recursive: true });
    }
  });

  it("fail the build with the name of the one that cannot be had", async () => {
    await using client = await connect(address);
    const broken = virtualDirectory([
      { path: "bad", open: () => Promise.reject(new Error("the archive is gone")) },
    ]);
    const state = llb.scratch().file(llb.copy(llb.local("virtual"), "/", "/", { contentsOnly: true }));
    const error: unknown = await client
      .solve(state, { locals: { virtual: broken } })
      .catch((thrown) => thrown);
    expect(error).toBeInstanceOf(LocalSourceError);
    expect(error).toMatchObject({ path: "bad", message: expect.stringContaining("the archive is gone") });
  });
});
