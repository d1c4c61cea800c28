import { connect, llb, UnsupportedError } from "buildkit-node";
import { describe, expect, inject, it } from "vitest";
import { describeDestructive, describeEachDaemon } from "../support/ways.ts";

describeEachDaemon("disk usage", ({ address }) => {
  it("lists what a build left in the cache, and filters it", async () => {
    await using client = await connect(address);
    const text = `disk usage ${Date.now()}`;
    await client.solve(llb.scratch().file(llb.mkfile("/usage", text), { name: text }));
    const records = await client.diskUsage({ filters: [{ type: "regular" }] });
    expect(records.length).toBeGreaterThan(0);
    for (const record of records) {
      expect(record).toMatchObject({ type: "regular", id: expect.stringMatching(/^\w+$/) });
      expect(record.created).toBeGreaterThan(Date.UTC(2020));
    }
    const [first] = records;
    const again = await client.diskUsage({ filters: [{ id: first?.id ?? "" }] });
    expect(again.map(({ id }) => id)).toEqual([first?.id]);
    expect(await client.diskUsage({ filters: ["id==no-such-record"] })).toEqual([]);
  });
});

describe("prune options", () => {
  it("refuses what is no duration and no size, without a call", async () => {
    await using client = await connect(inject("ways")[0]?.address);
    await expect(client.prune({ keepDurationMs: -1 })).rejects.toThrow("keepDurationMs is -1");
    await expect(client.prune({ reservedSpaceBytes: 1.5 })).rejects.toThrow("reservedSpaceBytes is 1.5");
  });
});

describeDestructive("prune", () => {
  describeEachDaemon("prune", ({ address }) => {
    it("removes what nobody uses and tells which", async () => {
      await using client = await connect(address);
      const name = `/pruned-${Date.now()}`;
      await client.solve(llb.scratch().file(llb.mkfile(name, name)));
      const ours = (await client.diskUsage()).find(({ description }) => description.includes(name));
      expect(ours).toMatchObject({ type: "regular" });
      // A daemon lets go of what a build has used some moments after its end, and keeps what is in use.
      const removed = new Set<string | undefined>();
      await expect
        .poll(async () => {
          for (const { id } of await client.prune({ all: true })) removed.add(id);
          return removed.has(ours?.id);
        })
        .toBe(true);
      expect((await client.diskUsage()).map(({ id }) => id)).not.toContain(ours?.id);
    });

    it("keeps everything below a limit, or says that the daemon knows none", async () => {
      await using client = await connect(address);
      await client.solve(llb.scratch().file(llb.mkfile("/kept", `kept ${Date.now()}`)));
      const pruned = client.prune({ all: true, maxUsedSpaceBytes: 1e15 });
      const { llb: caps } = await client.capabilities();
      if (caps.get("gc.freespacefilter")?.enabled === true) expect(await pruned).toEqual([]);
      else await expect(pruned).rejects.toBeInstanceOf(UnsupportedError);
    });
  });
});
