import { connect } from "@buildkit-node/control";
import { BuildkitError, SolveError } from "@buildkit-node/core";
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

function shown(error: BuildkitError): string {
  return error instanceof SolveError ? error.format() : `${error.name}: ${error.message}`;
}

/** Without what each run and each daemon has of its own. */
function sameEverywhere(text: string, folder: string): string {
  return (
    text
      .replaceAll(folder, "/work")
      .replace(/sha256:[0-9a-f]{64}/g, "sha256:…")
      .replace(/checksum of ref \S+:/g, "checksum of ref …:")
      // Some daemons are told that this registry speaks plain HTTP.
      .replaceAll("https://127.0.0.1:1/", "http://127.0.0.1:1/")
      // As the Dockerfile frontend writes it before BuildKit 0.14.
      .replace("unknown flag: mod ", "unknown flag: --mod ")
      .concat("\n")
  );
}
