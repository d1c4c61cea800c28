import type { BuildModel } from "../model/build-model.ts";
import type { Step } from "../model/step.ts";
import { type StepGraph, stepGraph } from "./step-graph.ts";
import { isAlwaysRun } from "./summary.ts";

/** Two builds of the same thing, step by step. */
export interface BuildComparison {
  /** The steps of the later build, by number. */
  readonly steps: readonly StepComparison[];
  /** Steps of the earlier build that the later one does not have. */
  readonly gone: readonly Step[];
  /** Steps that the later build ran although the cache might have served, each with the reason; causes come first. */
  readonly misses: readonly CacheMiss[];
  /** Steps of the later build by the time that they took more than before, the slowest first. */
  readonly slower: readonly StepComparison[];
}

export interface StepComparison {
  readonly step: Step;
  /** The same step in the earlier build. */
  readonly before: Step | undefined;
  /** Milliseconds of work. */
  readonly ms: number;
  readonly beforeMs: number | undefined;
}

/** Why a step ran. */
export type MissReason =
  /** The earlier build had no such step: it is new, or its text has changed. */
  | { readonly kind: "new" }
  /** It uses the result of steps that ran anew. */
  | { readonly kind: "input"; readonly causes: readonly Step[] }
  /** It uses local files, and some were sent again. */
  | { readonly kind: "files"; readonly from: readonly Step[]; readonly sentBytes: number }
  /** It is the same op on the same inputs as before: the cache had lost it, or the build asked not to use the cache. */
  | { readonly kind: "lost" }
  /** Its text and inputs are as before: what the text does not show has changed (arguments, environment, base image). */
  | { readonly kind: "definition" };

export interface CacheMiss {
  readonly step: Step;
  readonly ms: number;
  readonly reason: MissReason;
}

/**
 * What a build did that an earlier build of the same thing did not have to, and why. Steps are matched by name, those of the same
 * name in order: the digests of steps that use local files differ from build to build.
 */
export function compareBuilds(before: BuildModel, after: BuildModel): BuildComparison {
  const [earlier, later] = [stepGraph(before), stepGraph(after)];
  const matches = matchByName(earlier, later);
  const steps = later.steps.map((step): StepComparison => {
    const match = matches.get(step);
    return { step, before: match, ms: later.msOf(step), beforeMs: match && earlier.msOf(match) };
  });
  const matched = new Set(matches.values());
  return {
    steps,
    gone: earlier.steps.filter((step) => !matched.has(step)),
    misses: later.steps
      .filter(isMiss)
      .map((step) => ({ step, ms: later.msOf(step), reason: reasonFor(step, matches.get(step), later) }))
      .sort((a, b) => Number(a.reason.kind === "input") - Number(b.reason.kind === "input")),
    slower: steps.filter((each) => lostMs(each) > 0).sort((a, b) => lostMs(b) - lostMs(a)),
  };
}

/** Milliseconds that a step took more than in the earlier build. */
export function lostMs({ ms, beforeMs }: StepComparison): number {
  return ms - (beforeMs ?? 0);
}

function matchByName(earlier: StepGraph, later: StepGraph): Map<Step, Step> {
  const byName = new Map<string, Step[]>();
  for (const step of earlier.steps) byName.set(step.name, [...(byName.get(step.name) ?? []), step]);
  const matches = new Map<Step, Step>();
  for (const step of later.steps) {
    const match = byName.get(step.name)?.shift();
    if (match !== undefined) matches.set(step, match);
  }
  return matches;
}

function isMiss(step: Step): boolean {
  return (step.state === "done" || step.state === "error") && !isAlwaysRun(step);
}

function reasonFor(step: Step, before: Step | undefined, graph: StepGraph): MissReason {
  const inputs = graph.inputsOf(step);
  const causes = inputs.filter(isMiss);
  if (causes.length > 0) return { kind: "input", causes };
  if (before === undefined) return { kind: "new" };
  if (step.members.every((digest) => before.members.includes(digest))) return { kind: "lost" };
  const local = inputs.filter((input) => sentBytes(input) !== undefined);
  const sent = local.reduce((sum, input) => sum + (sentBytes(input) ?? 0), 0);
  return local.length > 0 ? { kind: "files", from: local, sentBytes: sent } : { kind: "definition" };
}

/** Bytes of local files that a step has sent; undefined for one that sends none. */
function sentBytes(step: Step): number | undefined {
  const tasks = step.tasks.filter((task) => task.id.startsWith("transferring "));
  return tasks.length === 0 ? undefined : tasks.reduce((sum, task) => sum + task.current, 0);
}
