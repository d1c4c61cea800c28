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
      const text = `prune ${Date.now()}`;
      await client.solve(llb.scratch().file(llb.mkfile("/pruned", text)));
      const before = await client.diskUsage();
      const removed = await client.prune({ all: true });
      expect(removed.map(({ id }) => id)).toEqual(expect.arrayContaining([before[0]?.id]));
      expect(await client.diskUsage()).toEqual([]);
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
