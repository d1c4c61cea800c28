import type { Timestamp } from "@buildkit-node/core";
import type { BuildModel, BuildTotals } from "../model/build-model.ts";
import type { Step, Task } from "../model/step.ts";
import { criticalPath } from "./critical-path.ts";
import { type StepGraph, stepGraph } from "./step-graph.ts";

/** What a build came to. */
export interface BuildSummary {
  readonly outcome: "done" | "failed" | "canceled" | "running";
  readonly startedAt: Timestamp | undefined;
  /** From the first step's start to the newest moment that is known, in milliseconds. */
  readonly durationMs: number;
  readonly totals: BuildTotals;
  /** Of the steps that ended well and could have come from the cache, the share that did; from 0 to 1. */
  readonly cachedShare: number;
  /** Steps with the time that each worked, the longest first. */
  readonly steps: readonly StepTime[];
  /** The steps that the end of the build waited for one after another, in that order. */
  readonly criticalPath: readonly StepTime[];
  readonly bytes: BytesMoved;
}

export interface StepTime {
  readonly step: Step;
  /** Milliseconds of work. */
  readonly ms: number;
  /** Part of the build's duration; from 0 to 1. */
  readonly share: number;
}

/** Bytes that the tasks of a build have reported. */
export interface BytesMoved {
  /** Local files sent to the daemon. */
  readonly sent: number;
  /** Layers and other blobs that the daemon fetched. */
  readonly pulled: number;
  /** Files written back to this side. */
  readonly exported: number;
}

/** What has happened in a build: how long, how much from the cache, what took the time, how many bytes. */
export function summarize(model: BuildModel): BuildSummary {
  const graph = stepGraph(model);
  const { startedAt, latest, totals } = model;
  const durationMs = startedAt === undefined || latest === undefined ? 0 : Math.max(0, latest - startedAt);
  const timeOf = (step: Step): StepTime => {
    const ms = graph.msOf(step);
    return { step, ms, share: durationMs > 0 ? Math.min(1, ms / durationMs) : 0 };
  };
  return {
    outcome: outcomeOf(totals),
    startedAt,
    durationMs,
    totals,
    cachedShare: cachedShare(graph),
    steps: graph.steps.map(timeOf).sort((a, b) => b.ms - a.ms),
    criticalPath: criticalPath(graph, latest ?? 0).map(timeOf),
    bytes: bytesMoved(graph.steps.flatMap((step) => step.tasks)),
  };
}

function outcomeOf({ failed, canceled, completed, steps }: BuildTotals): BuildSummary["outcome"] {
  if (failed > 0) return "failed";
  if (canceled > 0) return "canceled";
  return completed < steps ? "running" : "done";
}

/** True for a step that works for each build anew: it has no inputs, and loads what is local or writes the result. */
export function isAlwaysRun(step: Step): boolean {
  return /^\[(?:\S+ )?internal\]|^\[context |^(?:exporting|importing|resolving|pushing|writing|sending) /.test(
    step.name,
  );
}

function cachedShare(graph: StepGraph): number {
  const steps = graph.steps.filter(
    (step) => !isAlwaysRun(step) && (step.state === "done" || step.state === "cached"),
  );
  return steps.length === 0 ? 0 : steps.filter((step) => step.state === "cached").length / steps.length;
}

function bytesMoved(tasks: readonly Task[]): BytesMoved {
  const bytes = { sent: 0, pulled: 0, exported: 0 };
  for (const { id, current } of tasks) {
    if (id.startsWith("transferring ")) bytes.sent += current;
    else if (/^[a-z0-9]+:[0-9a-f]{32,}$/.test(id)) bytes.pulled += current;
    else if (/^(?:copying files|sending tarball)/.test(id)) bytes.exported += current;
  }
  return bytes;
}
