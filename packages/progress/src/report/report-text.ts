import type { Step } from "../model/step.ts";
import { fixed, formatBytes } from "../text/format.ts";
import { type BuildComparison, type CacheMiss, lostMs } from "./comparison.ts";
import type { BuildSummary, StepTime } from "./summary.ts";

/** Steps shown in a list at most. */
const SHOWN = 8;

/** Steps shorter than this are not worth a line. */
const SHOWN_FROM_MS = 50;

/** A summary in plain words, several lines. */
export function formatSummary(summary: BuildSummary): string {
  const { totals, bytes } = summary;
  const counts = [
    `${totals.steps} steps`,
    `${totals.cached} cached (${percent(summary.cachedShare)} of those that can be)`,
    ...(totals.failed > 0 ? [`${totals.failed} failed`] : []),
    ...(totals.warnings > 0 ? [`${totals.warnings} ${totals.warnings === 1 ? "warning" : "warnings"}`] : []),
  ];
  return [
    `${OUTCOMES[summary.outcome]} ${seconds(summary.durationMs)}: ${counts.join(", ")}`,
    `Files sent ${formatBytes(bytes.sent)}, layers fetched ${formatBytes(bytes.pulled)}, exported ${formatBytes(bytes.exported)}`,
    ...timeLines("Longest steps:", summary.steps.filter(isShown).slice(0, SHOWN)),
    ...timeLines("The end had to wait for, one after another:", summary.criticalPath.filter(isShown)),
    "",
  ].join("\n");
}

/** A comparison in plain words, several lines. */
export function formatComparison(comparison: BuildComparison): string {
  const { misses, slower, gone } = comparison;
  const lines: string[] = [];
  lines.push(
    misses.length === 0
      ? "Everything that can be cached came from the cache."
      : "Ran instead of coming from the cache:",
  );
  for (const miss of misses)
    lines.push(`  ${seconds(miss.ms).padStart(8)}  ${miss.step.name}`, `            ${explainMiss(miss)}`);
  const shown = slower.filter((each) => lostMs(each) >= SHOWN_FROM_MS).slice(0, SHOWN);
  if (shown.length > 0) lines.push("Took longer than before:");
  for (const each of shown) {
    const before = each.beforeMs === undefined ? "not there" : seconds(each.beforeMs);
    lines.push(`  ${`+${seconds(lostMs(each))}`.padStart(8)}  ${each.step.name} (before: ${before})`);
  }
  if (gone.length > 0)
    lines.push("No longer part of the build:", ...gone.map((step) => `            ${step.name}`));
  return [...lines, ""].join("\n");
}

/** Why a step ran, as a sentence. */
export function explainMiss({ reason }: Pick<CacheMiss, "reason">): string {
  switch (reason.kind) {
    case "new":
      return "is new, or its text has changed";
    case "input":
      return `because it builds on ${names(reason.causes)}, which ran`;
    case "files":
      return `because files have changed that it takes from ${names(reason.from)} (${formatBytes(reason.sentBytes)} were sent)`;
    case "lost":
      return "although it is the same step on the same inputs: its result was no longer in the cache, or the cache was not to be used";
    case "definition":
      return "although its text is the same: arguments, environment or the base image have changed, or the cache has lost its result";
  }
}

const OUTCOMES: Record<BuildSummary["outcome"], string> = {
  done: "Built in",
  failed: "Failed after",
  canceled: "Canceled after",
  running: "Running for",
};

function timeLines(title: string, times: readonly StepTime[]): string[] {
  if (times.length === 0) return [];
  return [
    title,
    ...times.map(
      ({ step, ms, share }) => `  ${seconds(ms).padStart(8)} ${percent(share).padStart(5)}  ${step.name}`,
    ),
  ];
}

function isShown({ ms }: StepTime): boolean {
  return ms >= SHOWN_FROM_MS;
}

function names(steps: readonly Step[]): string {
  return steps.map((step) => step.name).join(" and ");
}

export function seconds(ms: number): string {
  return `${fixed(ms / 1000, 1)}s`;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
