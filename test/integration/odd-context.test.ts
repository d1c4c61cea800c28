import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { connect, local, SolveError, tar } from "buildkit-node";
import { expect, it } from "vitest";
import { goClient } from "../support/go-client.ts";
import { makeOddTree } from "../support/odd-tree.ts";
import { tarListing } from "../support/tar-listing.ts";
import { type WorkDirectory, workDirectory } from "../support/tools.ts";
import { describeEachDaemon, describeEachWay } from "../support/ways.ts";

/** A folder with the odd tree as `context`, and a Dockerfile that copies all of it. */
async function stage(): Promise<WorkDirectory> {
  const folder = await workDirectory();
  mkdirSync(folder.in("context"));
  makeOddTree(folder.in("context"));
  writeFileSync(folder.in("Dockerfile"), "FROM scratch\nCOPY . /\n");
  return folder;
}

describeEachDaemon("an odd context", ({ address }) => {
  it("uploads as the Go client uploads it", async () => {
    await using folder = await stage();
    await using client = await connect(address);
    await client.solveDockerfile({
      context: folder.in("context"),
      dockerfile: folder.in("Dockerfile"),
      noCache: true,
      exports: [tar({ dest: folder.in("ours.tar") })],
    });
    const go = await goClient(address, folder.path);
    const output = `type=tar,dest=${folder.in("theirs.tar")}`;
    go.build("--no-cache", "-f", folder.in("Dockerfile"), "--output", output, folder.in("context"));
    const ours = tarListing(folder.in("ours.tar"));
    expect(ours.entries.length).toBeGreaterThan(30);
    expect(ours.entries.some((line) => line.includes("dropped-17"))).toBe(false);
    expect(ours.entries.some((line) => line.includes("kept/inner/file"))).toBe(true);
    expect(ours).toEqual(tarListing(folder.in("theirs.tar")));
  });

  it("comes home as the daemon's own tar of it", async () => {
    await using folder = await stage();
    await using client = await connect(address);
    await client.solveDockerfile({
      context: folder.in("context"),
      dockerfile: folder.in("Dockerfile"),
      exports: [local({ dest: folder.in("home") })],
    });
    await client.solveDockerfile({
      context: folder.in("context"),
      dockerfile: folder.in("Dockerfile"),
      exports: [tar({ dest: folder.in("home.tar") })],
    });
    execFileSync("tar", ["-cf", folder.in("again.tar"), "--format=pax", "-C", folder.in("home"), "."]);
    const [home, again] = ["home.tar", "again.tar"].map((name) =>
      comparable(tarListing(folder.in(name)).entries),
    );
    expect(again).toEqual(home);
  });
});

describeEachWay("a name that is not UTF-8", ({ address }) => {
  it("goes up and comes home as it is, unless the daemon refuses every such name", async (context) => {
    await using folder = await workDirectory();
    const name = Buffer.concat([Buffer.from(`${folder.in("context")}/`), Buffer.from([0x61, 0xff, 0x62])]);
    mkdirSync(folder.in("context"));
    writeFileSync(name, "odd");
    writeFileSync(folder.in("Dockerfile"), "FROM scratch\nCOPY . /\n");
    await using client = await connect(address);
    const build = client.solveDockerfile({
      context: folder.in("context"),
      dockerfile: folder.in("Dockerfile"),
      exports: [local({ dest: folder.in("home") })],
    });
    const refusal = await build.then(
      () => undefined,
      (error: unknown) => error,
    );
    if (refusal !== undefined) {
      // BuildKit 0.25 checks the texts of the messages that it is sent; 0.13 and 0.32 take any bytes.
      expect(refusal).toBeInstanceOf(SolveError);
      expect(refusal).toMatchObject({ status: "Internal", text: expect.stringContaining("invalid UTF-8") });
      context.skip("the daemon refuses names that are not UTF-8");
    }
    const listed = execFileSync("ls", ["-b", folder.in("home")], { encoding: "latin1" });
    expect(listed).toBe("a\\377b\n");
  });
});

/** The entries without times, which the daemon's tar rounds to seconds, and with names as they are without `./`. */
function comparable(entries: readonly string[]): string[] {
  return entries
    .map((line) => line.replace(/ \d{4}-\d\d-\d\d [\d:.]+ +/, " ").replaceAll(" ./", " "))
    .filter((line) => !line.endsWith(" "))
    .sort();
}
