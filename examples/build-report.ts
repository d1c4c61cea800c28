// What a recorded build did: build-report.ts [--before earlier.rawjson] [--page report.html] recording.rawjson
import { createReadStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import {
  BuildModel,
  compareBuilds,
  formatComparison,
  formatSummary,
  readRecording,
  summarize,
  timingPage,
} from "buildkit-node";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { before: { type: "string" }, page: { type: "string" } },
});

async function modelOf(file: string): Promise<BuildModel> {
  const model = new BuildModel();
  for await (const update of readRecording(createReadStream(file))) model.apply(update);
  model.finish();
  return model;
}

const [file] = positionals;
if (file === undefined) throw new Error("give a recording: what `rawjson` progress wrote");
const build = await modelOf(file);
const before = values.before === undefined ? undefined : await modelOf(values.before);

console.log(formatSummary(summarize(build)));
if (before !== undefined) console.log(formatComparison(compareBuilds(before, build)));
if (values.page !== undefined) {
  await writeFile(values.page, timingPage(build, { title: file, ...(before && { before }) }));
  console.log(`See ${values.page}`);
}
