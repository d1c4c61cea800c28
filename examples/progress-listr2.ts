// Builds as tasks of listr2, among whatever else a tool does. Here the builds are recordings:
// progress-listr2.ts [--speed 2] recording.rawjson...
import { createReadStream } from "node:fs";
import { basename } from "node:path";
import { parseArgs } from "node:util";
import type { ProgressDisplay } from "buildkit-node";
import { BuildModel, readRecording, replay } from "buildkit-node/progress";
import { Listr } from "listr2";

/** Shows a build in one task: how far it is in the title, and the last line of output below. Give it to `solve`. */
export function taskProgress(task: { title: string; output: string }): ProgressDisplay {
  return {
    attach() {
      const { title } = task;
      const model = new BuildModel({
        observer: {
          line: (step, { text }) => {
            task.output = `${step.name}: ${text}`;
          },
        },
      });
      return {
        update(update) {
          model.apply(update);
          const { completed, steps } = model.totals;
          task.title = `${title} (${completed}/${steps})`;
        },
        async end() {
          const { cached, steps } = model.totals;
          task.title = `${title} (${steps} steps, ${cached} cached)`;
        },
      };
    },
  };
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { speed: { type: "string", default: "1" } },
});
const builds = positionals.map((file) => ({
  title: `Build ${basename(file, ".rawjson")}`,
  task: async (_: unknown, task: { title: string; output: string }) => {
    const sink = taskProgress(task).attach({ ref: file });
    await replay(readRecording(createReadStream(file)), sink, { speed: Number(values.speed) });
    await sink.end({});
  },
}));
await new Listr(builds, { concurrent: true }).run();
