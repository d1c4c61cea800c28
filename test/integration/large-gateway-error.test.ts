import { connect } from "@buildkit-node/control";
import { SolveError } from "@buildkit-node/core";
import { mkfile, scratch } from "@buildkit-node/llb";
import { expect, it } from "vitest";
import { describeEachDaemon } from "../support/ways.ts";

const fresh = () => scratch().file(mkfile("/file", `${Math.random()}`));

/** A Dockerfile of 200 kB, which comes back with its error. */
function largeDockerfile(): string {
  return `FROM scratch\n# ${Math.random()}\nNONSENSE here\n${`# ${"x".repeat(98)}\n`.repeat(2000)}`;
}

describeEachDaemon("an error of 200 kB that a build function meets", ({ address }) => {
  it("fails its own build alone, and says what was too large", { timeout: 60_000 }, async () => {
    await using client = await connect(address);
    const failing = client.start(async (gateway) => {
      const dockerfile = scratch().file(mkfile("/Dockerfile", largeDockerfile()));
      return await gateway.solveFrontend({ frontend: "dockerfile.v0", inputs: { dockerfile } });
    });
    const others = Array.from({ length: 5 }, () => client.solve(fresh()));
    const error: unknown = await failing.result.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(SolveError);
    expect(String(error)).toContain("too large to be sent");
    await Promise.all(others);
    await client.solve(fresh());
  });

  it("leaves the function its build, if it goes on without what has failed", async () => {
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
    expect(errors).toMatchObject([{ detailsMissing: true }, { detailsMissing: true }]);
    expect(await client.history.wait(ref)).toMatchObject({ ref });
  });
});
