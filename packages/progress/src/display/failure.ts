import { formatSource, hasSources } from "@buildkit-node/core";
import type { BuildModel } from "../model/build-model.ts";
import type { Step } from "../model/step.ts";

const RULE = "------";

/** For each step that failed, and was not just canceled: its name and the end of its output. */
export function failureLines(model: BuildModel, logOf: (step: Step) => readonly string[]): string[] {
  return model.steps
    .filter((step) => step.state === "error")
    .flatMap((step) => [RULE, ` > ${step.name}:`, ...logOf(step), RULE]);
}

/** The lines of the source files that an error points at, where it carries any. */
export function sourceLines(error: unknown): string[] {
  return hasSources(error) ? error.sources.flatMap(formatSource) : [];
}
