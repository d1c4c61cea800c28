import { writeFile } from "node:fs/promises";
import { connect } from "@buildkit-node/control";
import { SolveError } from "@buildkit-node/core";
import { mkfile, scratch } from "@buildkit-node/llb";
import { expect, it } from "vitest";
import { headerLimit } from "../support/header-limit.ts";
import { workDirectory } from "../support/tools.ts";
import { describeEachDaemon, describeEachWay } from "../support/ways.ts";

/** A Dockerfile of 200 kB, which comes back with its error. */
function largeDockerfile(): string {
  return `FROM scratch\n# ${Math.random()}\nNONSENSE here\n${`# ${"x".repeat(98)}\n`.repeat(2000)}`;
}

const fresh = () => scratch().file(mkfile("/file", `${Math.random()}`));

describeEachWay("an error of 200 kB", ({ address }) => {
  it("reaches the caller whole, and leaves the other builds of the connection alone", async () => {
    await using work = await workDirectory();
    const dockerfile = largeDockerfile();
    await writeFile(work.in("Dockerfile"), dockerfile);
    await using client = await connect(address);

    const failing = client.startDockerfile({ context: work.path });
    const others = Array.from({ length: 10 }, () => client.solve(fresh()));
    const error = await failing.result.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(SolveError);
    const { text, sources, detailsMissing } = error as SolveError;
    expect(text).toContain("NONSENSE");
    expect(detailsMissing).toBe(false);
    expect(sources).toHaveLength(1);
    expect(sources[0]?.data.length).toBe(dockerfile.length);
    expect(sources[0]?.ranges[0]?.start.line).toBe(3);
    await Promise.all(others);
    // The same connection still serves.
    await client.solve(fresh());
  });
});

describeEachDaemon("an error of 200 kB that a build function meets", ({ address }) => {
  it("reaches the function whole, and leaves it its build", async () => {
    await using client = await connect(address);
    const errors: unknown[] = [];
    const { ref } = await client.build(async (gateway) => {
      for (let tries = 0; tries < 2; tries++) {
        const dockerfile = scratch().file(mkfile("/Dockerfile", largeDockerfile()));
        const failing = gateway.solveFrontend({ frontend: "dockerfile.v0", inputs: { dockerfile } });
        errors.push(await failing.catch((thrown: unknown) => thrown));
      }
      return fresh();
    });
    const whole = { detailsMissing: false, sources: [{ ranges: [{ start: { line: 3 } }] }] };
    expect(errors).toMatchObject([whole, whole]);
    expect(await client.history.wait(ref)).toMatchObject({ ref });
  });
});

describeEachDaemon("an error of 200 kB, behind a proxy that passes on less", ({ address }) => {
  it("is read from the history, as far as it is kept there", async () => {
    await using work = await workDirectory();
    await using proxy = await headerLimit(address, work.in("proxy.sock"));
    await using client = await connect(proxy.address);
    const dockerfile = scratch().file(mkfile("/Dockerfile", largeDockerfile()));
    const failing = client.solve({ frontend: "dockerfile.v0", inputs: { dockerfile } });
    const others = Array.from({ length: 5 }, () => client.solve(fresh()));
    const error = await failing.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(SolveError);
    const { text, sources, detailsMissing } = error as SolveError;
    // Before BuildKit 0.15 the history keeps the text alone.
    expect(text).toContain("NONSENSE");
    expect(sources.map(({ ranges }) => ranges[0]?.start.line)).toEqual(detailsMissing ? [] : [3]);
    await Promise.all(others);
  });

  it("costs a build function that call alone, which says so", async () => {
    await using work = await workDirectory();
    await using proxy = await headerLimit(address, work.in("proxy.sock"));
    await using client = await connect(proxy.address);
    let error: unknown;
    await client.build(async (gateway) => {
      const dockerfile = scratch().file(mkfile("/Dockerfile", largeDockerfile()));
      const failing = gateway.solveFrontend({ frontend: "dockerfile.v0", inputs: { dockerfile } });
      error = await failing.catch((thrown: unknown) => thrown);
      return fresh();
    });
    expect(error).toMatchObject({ detailsMissing: true });
    expect(String(error)).toContain("too large to be sent");
  });
});
