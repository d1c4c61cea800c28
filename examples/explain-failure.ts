// Builds a directory, and says what a tool can know of a failure without reading texts: explain-failure.ts [CONTEXT]
import { connect, SolveError } from "buildkit-node";

await using client = await connect();
try {
  await client.solveDockerfile({ context: process.argv[2] ?? "." });
  console.log("built");
} catch (error) {
  if (!(error instanceof SolveError)) throw error;
  process.exitCode = 1;
  console.log(error.format());
  const [source] = error.sources;
  const line = source?.ranges[0]?.start.line;
  console.log(
    JSON.stringify({
      step: error.vertex?.name,
      exitCode: error.exitCode,
      at: source === undefined ? undefined : `${source.filename}:${line}`,
      output: error.logs,
    }),
  );
}
