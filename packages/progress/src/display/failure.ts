import { type ErrorSource, sourceExcerpt } from "@buildkit-node/core";
import type { BuildModel } from "../model/build-model.ts";
import type { Step } from "../model/step.ts";
import { plainLines, plainText, stripColours } from "../text/terminal-line.ts";

const STEP_RULE = "-".repeat(6);
const SOURCE_RULE = "-".repeat(20);

/** Characters shown of a line of source. */
const MAX_LENGTH = 500;

/** For each step that failed, and was not just canceled: its name and the end of its output. */
export function failureLines(model: BuildModel, logOf: (step: Step) => readonly string[]): string[] {
  return model.steps
    .filter((step) => step.state === "error")
    .flatMap((step) => [STEP_RULE, ` > ${step.name}:`, ...logOf(step), STEP_RULE]);
}

/** The lines of the source files that an error points at, where it carries any: a `SolveError` does. */
export function sourceLines(error: unknown): string[] {
  return hasSources(error) ? error.sources.flatMap(excerptLines) : [];
}

function hasSources(error: unknown): error is { readonly sources: readonly ErrorSource[] } {
  return typeof error === "object" && error !== null && "sources" in error && Array.isArray(error.sources);
}

function excerptLines({ filename, data, ranges }: ErrorSource): string[] {
  const excerpt = sourceExcerpt(data, ranges);
  const first = excerpt.find((line) => line.marked);
  if (first === undefined) return [];
  const lines = excerpt.map(({ number, text, marked }) => {
    const shown = plainLines(text.slice(0, MAX_LENGTH)).map(stripColours).join("");
    return ` ${String(number).padStart(3)} | ${marked ? ">>>" : "   "} ${shown}`;
  });
  return [`${plainText(filename)}:${first.number}`, SOURCE_RULE, ...lines, SOURCE_RULE];
}
