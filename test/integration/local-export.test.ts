import { execFileSync, fork } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { connect, DestinationError, llb, local, tar, UnsupportedError } from "buildkit-node";
import { expect, it } from "vitest";
import { needsCapability } from "../support/capabilities.ts";
import { type WorkDirectory, workDirectory } from "../support/tools.ts";
import { describeEachDaemon } from "../support/ways.ts";

/** A folder with a context of one file, and a Dockerfile that puts it under the platform's name. */
async function stage(): Promise<WorkDirectory> {
  const folder = await workDirectory();
  mkdirSync(folder.in("context"));
  writeFileSync(folder.in("context/file"), `${Date.now()} ${Math.random()}`);
  writeFileSync(folder.in("Dockerfile"), "FROM scratch\nARG TARGETARCH\nCOPY file /of-$TARGETARCH\n");
  return folder;
}

function listed(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" }).sort();
}

describeEachDaemon("a result in a directory", ({ address }) => {
  const platforms = ["linux/amd64", "linux/arm64"];

  it("has a directory for each platform, or all in one", async () => {
    await using folder = await stage();
    await using client = await connect(address);
    const build = { context: folder.in("context"), dockerfile: folder.in("Dockerfile"), platforms };
    await client.solveDockerfile({ ...build, exports: [local({ dest: folder.in("split") })] });
    expect(listed(folder.in("split"))).toEqual([
      "linux_amd64",
      "linux_amd64/of-amd64",
      "linux_arm64",
      "linux_arm64/of-arm64",
    ]);
    const together = local({ dest: folder.in("together"), platformSplit: false });
    await client.solveDockerfile({ ...build, exports: [together] });
    expect(listed(folder.in("together"))).toEqual(["of-amd64", "of-arm64"]);
  });

  it("has the attestations beside it, under the names that are asked for", async () => {
    await using folder = await stage();
    await using client = await connect(address);
    await client.solveDockerfile({
      context: folder.in("context"),
      dockerfile: folder.in("Dockerfile"),
      platforms: ["linux/amd64"],
      frontendAttrs: { "attest:provenance": "mode=max" },
      exports: [local({ dest: folder.in("out"), attestationPrefix: "about-", platformSplit: false })],
    });
    const [provenance, ...others] = listed(folder.in("out"));
    expect(others).toEqual(["of-amd64"]);
    expect(provenance).toMatch(/^about-provenance\b.*json$/);
    const statement = JSON.parse(readFileSync(folder.in("out", provenance ?? ""), "utf8"));
    expect(statement).toMatchObject({ predicateType: expect.stringContaining("slsa.dev/provenance") });
  });

  it("may be one of several, each with what it asked for", async (context) => {
    await using folder = await workDirectory();
    await using client = await connect(address);
    await needsCapability(context, client, "exporter.multiple");
    const state = llb.scratch().file([llb.mkdir("/d"), llb.mkfile("/d/f", "text")]);
    const { exports } = await client.solve(state, {
      exports: [
        local({ dest: folder.in("first") }),
        tar({ dest: folder.in("second.tar") }),
        local({ dest: folder.in("third"), sourceDateEpoch: 1_000_000_000 }),
      ],
    });
    expect(exports.map(({ type }) => type)).toEqual(["local", "tar", "local"]);
    for (const name of ["first", "third"]) expect(listed(folder.in(name))).toEqual(["d", "d/f"]);
    const archived = execFileSync("tar", ["-tf", folder.in("second.tar")], { encoding: "utf8" });
    expect(archived).toBe("d/\nd/f\n");
  });

  it("replaces all that was there where that is asked for, if the daemon can say what all is", async (context) => {
    await using folder = await stage();
    await using client = await connect(address);
    mkdirSync(folder.in("out/linux_amd64/old"), { recursive: true });
    writeFileSync(folder.in("out/older"), "");
    const build = client.solveDockerfile({
      context: folder.in("context"),
      dockerfile: folder.in("Dockerfile"),
      platforms,
      exports: [local({ dest: folder.in("out"), mode: "delete" })],
    });
    const refusal = await build.then(
      () => undefined,
      (error: unknown) => error,
    );
    if (refusal !== undefined) {
      expect(refusal).toBeInstanceOf(UnsupportedError);
      expect(listed(folder.in("out"))).toEqual(["linux_amd64", "linux_amd64/old", "older"]);
      context.skip('the daemon lacks the local exporter\'s mode "delete"');
    }
    expect(listed(folder.in("out"))).toEqual([
      "linux_amd64",
      "linux_amd64/of-amd64",
      "linux_arm64",
      "linux_arm64/of-arm64",
    ]);
  });

  it("is not there when the process is killed in the middle", async () => {
    await using folder = await workDirectory();
    const program = fileURLToPath(new URL("../support/killed-export.ts", import.meta.url));
    const execArgv = ["--conditions=@buildkit-node/source", "--import", "tsx"];
    const parent = folder.in("parent");
    const dest = path.join(parent, "made", "out");
    mkdirSync(parent);
    const child = fork(program, [address, parent, dest], { execArgv });
    expect(await once(child, "exit")).toEqual([null, "SIGKILL"]);
    const [partial = "", ...others] = readdirSync(path.join(parent, "made"));
    expect([partial, others]).toEqual([expect.stringMatching(/^\.out\.\w+\.partial$/), []]);
    expect(listed(path.join(parent, "made", partial))).toContain("file-1");
    await using client = await connect(address);
    await client.solve(llb.scratch().file(llb.mkfile("/whole", "")), { exports: [local({ dest })] });
    expect(listed(dest)).toEqual(["whole"]);
  });

  it("leaves nothing half-written on a disk that is full", async (context) => {
    await using folder = await workDirectory();
    mkdirSync(folder.in("disk"));
    if (!mounted(folder.in("disk"))) context.skip("needs the privilege to mount a small file system");
    try {
      writeFileSync(folder.in("disk/kept"), "kept");
      await using client = await connect(address);
      const state = llb
        .scratch()
        .file([
          llb.mkfile("/first", "fits"),
          llb.mkfile("/large", Buffer.alloc(3 << 20, "x")),
          llb.mkfile("/zlast", "fits"),
        ]);
      for (const [exporter, dest] of [
        [local({ dest: folder.in("disk/new/tree") }), "disk/new/tree/large"],
        [local({ dest: folder.in("disk") }), "disk/large"],
        [tar({ dest: folder.in("disk/out.tar") }), "disk/out.tar"],
      ] as const) {
        const error: unknown = await client.solve(state, { exports: [exporter] }).catch((thrown) => thrown);
        expect(error).toBeInstanceOf(DestinationError);
        expect(error).toMatchObject({ path: folder.in(dest), systemCode: "ENOSPC" });
        expect(listed(folder.in("disk"))).toEqual(["kept"]);
      }
    } finally {
      execFileSync("umount", [folder.in("disk")]);
    }
  });
});

/** Mounts a file system of a megabyte; false where that is not allowed. */
function mounted(directory: string): boolean {
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", directory], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
