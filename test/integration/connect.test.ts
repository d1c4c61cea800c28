import { connect } from "@buildkit-node/control";
import { UnsupportedError } from "@buildkit-node/core";
import { expect, it } from "vitest";
import { describeEachWay } from "../support/ways.ts";

describeEachWay("a daemon", (way) => {
  it("tells its version", async (context) => {
    await using client = await connect(way.address);
    const info = await client.info().catch((error: unknown) => {
      if (error instanceof UnsupportedError) return context.skip(error.message);
      throw error;
    });
    expect(info.package).toContain("buildkit");
  });

  it("tells its workers and what it can do", async () => {
    await using client = await connect(way.address);
    const [worker] = await client.listWorkers();
    expect(worker?.id).toBeTruthy();
    expect(worker?.platforms).toContainEqual(expect.objectContaining({ os: "linux" }));
    const { llb, gateway } = await client.capabilities();
    expect(llb.get("exec.meta.base")?.enabled).toBe(true);
    expect(gateway.get("readfile")?.enabled).toBe(true);
  });

  it("lists the daemon's workers, and those that a condition or a text describes", async () => {
    await using client = await connect(way.address);
    const [worker] = await client.listWorkers();
    const { id, labels } = worker!;
    expect(worker!.platforms.length).toBeGreaterThan(0);
    expect((await client.listWorkers({ filters: [{ id, labels }] })).map((one) => one.id)).toEqual([id]);
    expect(await client.listWorkers({ filters: ["id==none", { labels: { "no.such": "label" } }] })).toEqual(
      [],
    );
    await expect(client.listWorkers({ filters: ["id==="] })).rejects.toMatchObject({ name: "StatusError" });
  });
});
