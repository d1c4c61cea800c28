import type { Timestamp } from "@buildkit-node/core";
import { busyMs } from "../../model/intervals.ts";
import type { Step, Task } from "../../model/step.ts";
import type { ColorRole } from "../../text/colors.ts";
import { fixed, formatBytes } from "../../text/format.ts";
import type { Row } from "./row.ts";

const BAR_WIDTH = 20;

/** Below this a time is shown as none. */
const SHOWN_FROM_SECONDS = 0.05;

/** The row that names a step, tells how it stands and how long it has worked. */
export function stepRow(step: Step, now: Timestamp): Row {
  return {
    indent: " => ",
    text: `${MARKS[step.state] ?? ""}${step.name}`,
    time: seconds(busyMs(step.intervals, now)),
    color: COLORS[step.state],
  };
}

export function taskRow(task: Task, now: Timestamp): Row {
  const { started, completed } = task;
  return {
    indent: " => => ",
    text: task.id,
    details: completed === undefined ? progressOf(task) : task.current > 0 ? [formatBytes(task.current)] : [],
    time: seconds(started === undefined ? 0 : (completed ?? now) - started),
    color: completed === undefined ? undefined : "run",
  };
}

export function warningRow(text: string): Row {
  return { indent: " => ", text: `WARN: ${text}`, color: "warning" };
}

/** A line of a step's output. */
export function logRow(text: string): Row {
  return { indent: " => => # ", text, color: "faint" };
}

export function noteRow(text: string): Row {
  return { indent: " => ", text, color: "faint" };
}

/** Milliseconds as seconds with one decimal. */
export function seconds(ms: number): string {
  const value = ms / 1000;
  return `${value < SHOWN_FROM_SECONDS ? "0.0" : fixed(value, 1)}s`;
}

const MARKS: Partial<Record<Step["state"], string>> = {
  cached: "CACHED ",
  error: "ERROR ",
  canceled: "CANCELED ",
};

const COLORS: Partial<Record<Step["state"], ColorRole>> = {
  done: "run",
  cached: "run",
  error: "error",
  canceled: "cancel",
};

/** How far a task is, in ever fewer words. */
function progressOf({ current, total, rate }: Task): string[] {
  const pace = rate > 0 ? `${formatBytes(rate)}/s` : "";
  if (total <= 0) return current > 0 ? [`${formatBytes(current)} ${pace}`.trim(), formatBytes(current)] : [];
  const amount = `${formatBytes(current).padStart(8)} / ${formatBytes(total)}`;
  const share = Math.min(1, Math.max(0, current / total));
  return [
    `${amount} ${bar(share)} ${pace.padStart(10)}`,
    `${amount} ${bar(share)}`,
    amount.trim(),
    `${Math.floor(share * 100)}%`,
  ];
}

function bar(share: number): string {
  const done = Math.round(share * BAR_WIDTH);
  const head = done > 0 && done < BAR_WIDTH ? ">" : "";
  return `[${("=".repeat(done - head.length) + head).padEnd(BAR_WIDTH)}]`;
}
