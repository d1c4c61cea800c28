import type { Timestamp } from "@buildkit-node/core";
import type { BuildModel } from "../../model/build-model.ts";
import type { Step } from "../../model/step.ts";
import { stripColours } from "../../text/terminal-line.ts";
import { logRow, noteRow, stepRow, taskRow, warningRow } from "./build-rows.ts";
import { byPlatform } from "./platform.ts";
import type { Row } from "./row.ts";

/** Headings of platforms are worth their rows from this height on. */
const HEADINGS_FROM = 15;

/** Rows kept for steps that have ended, before output gets more than one row. */
const ENDED_ROOM = 3;

export interface LayoutOptions {
  /** Rows at hand. */
  readonly height: number;
  /** Rows of output shown of one step. */
  readonly logLines: number;
  readonly now: Timestamp;
  /** How much a step has written lately; the busiest shows its output first. */
  readonly activityOf: (step: Step) => number;
}

/** What is shown of one step, by what is given up first when there are too few rows. */
interface Block {
  readonly step: Step;
  readonly head: Row;
  readonly isRunning: boolean;
  readonly open: Row[];
  readonly ended: Row[];
  readonly warnings: readonly Row[];
  readonly logs: Row[];
}

/** Every step of a build, for the record. Its warnings are left to be told in full. */
export function allRows(model: BuildModel, now: Timestamp): Row[] {
  const blocks = model.steps.map((step) => blockOf(step, now));
  return arrange(blocks, platformTotals(model.steps), (block) => [block.head, ...block.open, ...block.ended]);
}

/**
 * As much of a build as fits: running steps before all else, then what they are at, then their output, then what has
 * ended, the newest of it. Steps stay in the order in which they started.
 */
export function liveRows(model: BuildModel, options: LayoutOptions): Row[] {
  const blocks = worthShowing(model.steps, options.height).map((step) => blockOf(step, options.now));
  const running = blocks.filter((block) => block.isRunning);
  if (running.length > options.height) return crowded(running, options.height);
  const totals = options.height >= HEADINGS_FROM ? platformTotals(model.steps) : undefined;
  const budget = new Budget(options.height - running.length - (totals?.size ?? 0));

  const open = new Map(running.map((block) => [block, budget.takeLast(block.open)]));
  showLogs(running, budget, options);
  const heads = new Set(blocks.toReversed().filter((block) => block.isRunning || budget.take(1) === 1));
  const ended = new Map(
    blocks
      .toReversed()
      .map((block) => [block, heads.has(block) ? budget.takeLast([...block.ended, ...block.warnings]) : []]),
  );
  return arrange(blocks, totals, (block) => {
    if (!heads.has(block)) return [];
    return [block.head, ...(ended.get(block) ?? []), ...(open.get(block) ?? []), ...block.logs];
  });
}

/** The steps that run, and as many others, the newest, as could be shown: a build may have many thousands. */
function worthShowing(steps: readonly Step[], height: number): Step[] {
  let others = 0;
  return steps
    .toReversed()
    .filter((step) => step.state === "running" || others++ < height)
    .reverse();
}

function blockOf(step: Step, now: Timestamp): Block {
  const isRunning = step.state === "running";
  const open: Row[] = [];
  const ended: Row[] = [];
  for (const task of step.tasks)
    (isRunning && task.completed === undefined ? open : ended).push(taskRow(task, now));
  const warnings = step.warnings.map(({ short }) => warningRow(short));
  return { step, head: stepRow(step, now), isRunning, open, ended, warnings, logs: [] };
}

/** The last lines of output of each step that writes, the busiest first, as long as rows are left. */
function showLogs(running: readonly Block[], budget: Budget, options: LayoutOptions): void {
  const writers = running.filter(({ step }) => step.log.total > 0 || step.openLines.length > 0);
  writers.sort((a, b) => options.activityOf(b.step) - options.activityOf(a.step));
  for (const [index, block] of writers.entries()) {
    const share = Math.ceil((budget.left - ENDED_ROOM) / (writers.length - index));
    block.logs.push(...budget.takeLast(outputOf(block.step, Math.min(options.logLines, Math.max(1, share)))));
  }
}

function outputOf(step: Step, count: number): Row[] {
  const lines = [...step.log.last(count), ...step.openLines].slice(-count);
  return lines.map(({ text }) => logRow(stripColours(text)));
}

/** More steps run than there are rows: those that have run longest, and how many more there are. */
function crowded(running: readonly Block[], height: number): Row[] {
  if (height <= 0) return [];
  const shown = running.slice(0, height - 1).map((block) => block.head);
  return [...shown, noteRow(`... ${running.length - shown.length} more running`)];
}

type PlatformTotals = ReadonlyMap<string, { readonly ended: number; readonly steps: number }>;

/** The rows of each step; below headings where the build is for several platforms, and their totals are given. */
function arrange(
  blocks: readonly Block[],
  totals: PlatformTotals | undefined,
  rowsOf: (block: Block) => Row[],
): Row[] {
  if (totals === undefined) return blocks.flatMap(rowsOf);
  return byPlatform(blocks, nameOf).flatMap(({ platform, items }) => {
    const total = platform === undefined ? undefined : totals.get(platform);
    const rows = items.flatMap(rowsOf);
    return total === undefined
      ? rows
      : [{ indent: " ", text: `${platform} (${total.ended}/${total.steps})` }, ...rows];
  });
}

/** How far each platform is; empty for a build that is not for several. */
function platformTotals(steps: readonly Step[]): PlatformTotals {
  const totals = new Map<string, { ended: number; steps: number }>();
  for (const { platform, items } of byPlatform(steps, ({ name }) => name)) {
    if (platform === undefined) continue;
    totals.set(platform, {
      ended: items.filter((step) => step.state !== "running").length,
      steps: items.length,
    });
  }
  return totals;
}

function nameOf(block: Block): string {
  return block.step.name;
}

/** Rows that are still to be given away. */
class Budget {
  left: number;

  constructor(rows: number) {
    this.left = Math.max(0, rows);
  }

  take(rows: number): number {
    const taken = Math.min(rows, this.left);
    this.left -= taken;
    return taken;
  }

  /** As many of the last rows as there is room for. */
  takeLast(rows: readonly Row[]): Row[] {
    return rows.slice(rows.length - this.take(rows.length));
  }
}
