import { readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { type Client, connect, llb, local, type TransferReport } from "buildkit-node";
import { expect, it } from "vitest";
import { needsCapability } from "../support/capabilities.ts";
import { type WorkDirectory, workDirectory } from "../support/tools.ts";
import { describeEachDaemon } from "../support/ways.ts";

/** Builds a copy of a local source, and answers the reports of what was sent for it. */
async function upload(
  client: Client,
  directory: string,
  options: { readonly dest?: string; readonly source?: Parameters<typeof llb.local>[1] } = {},
): Promise<TransferReport[]> {
  const { dest, source = {} } = options;
  const reports: TransferReport[] = [];
  const state = llb.scratch().file(llb.copy(llb.local("context", source), "/", "/", { contentsOnly: true }));
  await client.solve(state, {
    locals: { context: directory },
    onTransfer: (report) => void reports.push(report),
    exports: dest === undefined ? [] : [local({ dest })],
  });
  return reports;
}

async function directoryOf(folder: WorkDirectory, name: string, contents: string): Promise<string> {
  await mkdir(folder.in(name, "deep"), { recursive: true });
  for (const file of ["deep/a", "deep/b", "c", "ignored"]) {
    writeFileSync(folder.in(name, file), `${contents} ${file}`);
    utimesSync(folder.in(name, file), 1_000_000_000, 1_000_000_000);
  }
  return folder.in(name);
}

describeEachDaemon("a local source", ({ address }) => {
  it("is sent again only where it has changed, to another client's build too", async () => {
    await using folder = await workDirectory();
    const directory = await directoryOf(folder, "context", "one");
    const sent: number[] = [];
    for (const change of [undefined, undefined, "deep/b"]) {
      await using client = await connect(address);
      if (change !== undefined) writeFileSync(folder.in("context", change), "new");
      const [report, ...others] = await upload(client, directory, { source: { exclude: ["ign*"] } });
      expect(others).toEqual([]);
      expect(report).toMatchObject({ name: "context", entries: 4 });
      sent.push(report?.sentFiles ?? 0);
    }
    expect(sent).toEqual([3, 0, 1]);
  });

  it("is not taken for another directory of the same names, sizes and times", async () => {
    await using folder = await workDirectory();
    await using client = await connect(address);
    for (const contents of ["one", "two"]) {
      const directory = await directoryOf(folder, contents, contents);
      const [report] = await upload(client, directory, { dest: folder.in(`${contents}-home`) });
      expect(report?.sentFiles).toBe(4);
      expect(readFileSync(folder.in(`${contents}-home`, "deep/a"), "utf8")).toBe(`${contents} deep/a`);
    }
  });

  it("may be sent without contents, but for some", async (context) => {
    await using folder = await workDirectory();
    await using client = await connect(address);
    await needsCapability(context, client, "source.local.metadatatransfer");
    const directory = await directoryOf(folder, "context", "one");
    const source = { metadataOnly: { except: ["deep/a"] } };
    const [report] = await upload(client, directory, { source, dest: folder.in("home") });
    expect(report).toMatchObject({ entries: 5, sentFiles: 1 });
    expect(readFileSync(folder.in("home/deep/a"), "utf8")).toBe("one deep/a");
    expect(readdirSync(folder.in("home/deep"))).toEqual(["a"]);
  });

  it("is one of ten in a build", async () => {
    await using folder = await workDirectory();
    await using client = await connect(address);
    const names = Array.from({ length: 10 }, (_, index) => `source-${index}`);
    const locals: Record<string, string> = {};
    for (const name of names) locals[name] = await directoryOf(folder, name, name);
    const copies = names.map((name) => llb.copy(llb.local(name), "/deep/a", `/${name}`));
    const reports: string[] = [];
    await client.solve(llb.scratch().file(copies), {
      locals,
      onTransfer: ({ name }) => void reports.push(name),
      exports: [local({ dest: folder.in("home") })],
    });
    for (const name of names) expect(readFileSync(folder.in("home", name), "utf8")).toBe(`${name} deep/a`);
    expect(reports.sort()).toEqual(names);
  });
});
