import { connect } from "@buildkit-node/control";
import { BuildkitError, SolveError } from "@buildkit-node/core";
import { mkfile, scratch } from "@buildkit-node/llb";
import { expect, it } from "vitest";
import { brokenBuilds } from "../support/broken-builds.ts";
import { workDirectory } from "../support/tools.ts";
import { describeEachDaemon } from "../support/ways.ts";

// What users read when a build fails: each file below has been read as one.
describeEachDaemon("a broken build", ({ address }) => {
  it.each(brokenBuilds)("explains itself: $name", async ({ name, run }) => {
    await using work = await workDirectory();
    await using client = await connect(address);
    const error = await run(client, work.path).then(
      () => new Error("the build succeeded"),
      (thrown: unknown) => thrown,
    );
    if (!BuildkitError.is(error)) throw error;
    await expect(sameEverywhere(shown(error), work.path)).toMatchFileSnapshot(`broken-builds/${name}.txt`);
  });
});

describeEachDaemon("a cache that cannot be reached", ({ address }) => {
  it("costs a build its hits, not its success, and is told as it happens", async () => {
    await using client = await connect(address);
    const graph = scratch().file(mkfile("/file", `${Math.random()}`));
    const build = client.start(graph, { cacheFrom: [{ type: "registry", ref: "127.0.0.1:1/team/cache" }] });
    const told: string[] = [];
    for await (const event of build.events()) {
      if (event.kind === "vertex" && event.vertex.error !== undefined) {
        told.push(`${event.vertex.name}: ${event.vertex.error}`);
      }
    }
    await build.result;
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(
      /^importing cache manifest from 127\.0\.0\.1:1\/team\/cache: .*connection refused/,
    );
  });
});

function shown(error: BuildkitError): string {
  return error instanceof SolveError ? error.format() : `${error.name}: ${error.message}`;
}

/** Without what each run and each daemon has of its own. */
function sameEverywhere(text: string, folder: string): string {
  return (
    text
      .replaceAll(folder, "<directory>")
      .replace(/sha256:[0-9a-f]{64}/g, "sha256:…")
      .replace(/checksum of ref \S+:/g, "checksum of ref …:")
      // Some daemons are told that this registry speaks plain HTTP.
      .replaceAll("https://127.0.0.1:", "http://127.0.0.1:")
      .replace(/127\.0\.0\.1:\d{2,5}/g, "<registry>")
      // As the Dockerfile frontend writes it before BuildKit 0.14.
      .replace("unknown flag: mod ", "unknown flag: --mod ")
      .concat("\n")
  );
}
