import type { BuildModel } from "../model/build-model.ts";
import { busyMs } from "../model/intervals.ts";
import type { Step } from "../model/step.ts";

/** The steps of a build that have started, with what each was made from and how long it worked. */
export interface StepGraph {
  /** By number. */
  readonly steps: readonly Step[];
  /** The steps whose results a step uses, without those that never started: their own inputs stand for them. */
  inputsOf(step: Step): readonly Step[];
  /** Milliseconds of work; of a step that still runs, up to the newest moment that is known. */
  msOf(step: Step): number;
}

export function stepGraph(model: BuildModel): StepGraph {
  const now = model.latest ?? 0;
  const inputs = new Map(model.steps.map((step) => [step, findInputs(model, step)]));
  return {
    steps: model.steps,
    inputsOf: (step) => inputs.get(step) ?? [],
    msOf: (step) => busyMs(step.intervals, now),
  };
}

function findInputs(model: BuildModel, step: Step): Step[] {
  const found = new Set<Step>();
  const seen = new Set<string>(step.members);
  const queue = [...step.members];
  for (let digest = queue.pop(); digest !== undefined; digest = queue.pop()) {
    for (const input of model.vertex(digest)?.inputs ?? []) {
      if (seen.has(input)) continue;
      seen.add(input);
      const record = model.vertex(input);
      if (record === undefined) continue;
      if (record.step.number > 0) found.add(record.step);
      else queue.push(input);
    }
  }
  return [...found].sort((a, b) => a.number - b.number);
}
