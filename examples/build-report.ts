// What builds did: build-report.ts [--before EARLIER] [--page report.html] BUILD
// A build is the file of a recording (what `rawjson` progress wrote), or the ref of a build in the daemon's history.
import { createReadStream, existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { connect } from "buildkit-node";
import {
  BuildModel,
  compareBuilds,
  formatComparison,
  formatSummary,
  readRecording,
  summarize,
  timingPage,
} from "buildkit-node/progress";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { before: { type: "string" }, page: { type: "string" } },
});

async function modelOf(recordingOrRef: string): Promise<BuildModel> {
  const model = new BuildModel();
  if (existsSync(recordingOrRef)) {
    for await (const update of readRecording(createReadStream(recordingOrRef))) model.apply(update);
  } else {
    await using client = await connect();
    for await (const update of client.history.updates(recordingOrRef)) model.apply(update);
  }
  model.finish();
  return model;
}

const [name] = positionals;
if (name === undefined) throw new Error("give a recording, or the ref of a build");
const build = await modelOf(name);
const before = values.before === undefined ? undefined : await modelOf(values.before);

console.log(formatSummary(summarize(build)));
if (before !== undefined) console.log(formatComparison(compareBuilds(before, build)));
if (values.page !== undefined) {
  await writeFile(values.page, timingPage(build, { title: name, ...(before && { before }) }));
  console.log(`See ${values.page}`);
}
