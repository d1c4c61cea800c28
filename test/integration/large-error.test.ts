import { writeFile } from "node:fs/promises";
import { connect } from "@buildkit-node/control";
import { SolveError } from "@buildkit-node/core";
import { mkfile, scratch } from "@buildkit-node/llb";
import { expect, it } from "vitest";
import { workDirectory } from "../support/tools.ts";
import { describeEachWay } from "../support/ways.ts";

describeEachWay("an error of 200 kB", ({ address }) => {
  it("reaches the caller whole, and leaves the other builds of the connection alone", async () => {
    await using work = await workDirectory();
    const padding = `# ${"x".repeat(98)}\n`.repeat(2000);
    const dockerfile = `FROM scratch\n# ${Date.now()}\nNONSENSE here\n${padding}`;
    await writeFile(work.in("Dockerfile"), dockerfile);
    await using client = await connect(address);

    const others: Promise<unknown>[] = [];
    const failing = client.startDockerfile({ context: work.path });
    for (let index = 0; index < 10; index++) {
      others.push(client.solve(scratch().file(mkfile("/file", `${Date.now()} ${Math.random()}`))));
    }
    const error = await failing.result.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(SolveError);
    const { text, sources, detailsMissing } = error as SolveError;
    expect(text).toContain("NONSENSE");
    await Promise.all(others);
    // The same connection still serves, also the very same failure again.
    await client.solve(scratch().file(mkfile("/file", `${Date.now()} after`)));
    // What the history keeps of an error is the text alone before BuildKit 0.15.
    const [source] = sources;
    expect(source === undefined).toBe(detailsMissing);
    if (source !== undefined) {
      expect(source.data.length).toBe(dockerfile.length);
      expect(source.ranges[0]?.start.line).toBe(3);
    }
  });
});
