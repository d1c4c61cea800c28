import type {
  StatusUpdate,
  Timestamp,
  Vertex,
  VertexLog,
  VertexStatus,
  VertexWarning,
} from "@buildkit-node/core";
import type { LogLine } from "./log-tail.ts";
import { completedAt, type Step, type VertexRecord } from "./step.ts";
import { type LogLimits, StepEntry } from "./step-entry.ts";
import { VertexEntry } from "./vertex-entry.ts";

/** How much a {@link BuildModel} keeps. */
export interface BuildModelOptions {
  /** Lines of output kept of each step that runs or has failed. Default 1000. */
  readonly logLines?: number;
  /** UTF-16 units of output kept of each step. Default 262,144. */
  readonly logLength?: number;
  /** Lines of output kept of each step that ended well. Default 50. */
  readonly doneLogLines?: number;
  /** Called as things happen, before `apply` returns. */
  readonly observer?: BuildObserver;
}

/** Hears what an update changed. */
export interface BuildObserver {
  /** Something about the step is new: its state, a task, a warning, output. */
  changed?(step: Step): void;
  /** A line of output is complete. Every line comes here, also those that the model will forget. */
  line?(step: Step, line: LogLine): void;
}

/** Counts over a build. A progress group counts as one step. */
export interface BuildTotals {
  /** Steps known so far. */
  readonly steps: number;
  /** Steps that have ended, in whatever way. */
  readonly completed: number;
  readonly cached: number;
  readonly failed: number;
  readonly canceled: number;
  readonly warnings: number;
}

/** Events about vertices that have not been announced wait for them, up to this size. */
const MAX_ORPHAN_BYTES = 1_048_576;

/** What an event other than output counts for. */
const EVENT_BYTES = 256;

/**
 * The picture of one build, made from its status updates alone: the same updates give the same picture, whatever the
 * clock says and however the output was cut into chunks. Repeated and late updates change nothing.
 *
 * Memory grows with the number of vertices and tasks, not with the amount of output.
 */
export class BuildModel {
  readonly #limits: LogLimits;
  readonly #observer: BuildObserver;
  readonly #vertices = new Map<string, VertexEntry>();
  readonly #groups = new Map<string, StepEntry>();
  readonly #all: StepEntry[] = [];
  readonly #steps: StepEntry[] = [];
  readonly #owners = new Map<string, StepEntry>();
  #orphans: Orphan[] = [];
  #orphanBytes = 0;
  #startedAt: Timestamp | undefined;
  #latest: Timestamp | undefined;
  /** Counted when asked for, and anew after a change. */
  #totals: BuildTotals | undefined;

  constructor(options: BuildModelOptions = {}) {
    this.#limits = {
      lines: options.logLines ?? 1000,
      length: options.logLength ?? 262_144,
      doneLines: options.doneLogLines ?? 50,
    };
    this.#observer = options.observer ?? {};
  }

  /** The steps that have started, by number. */
  get steps(): readonly Step[] {
    return this.#steps;
  }

  /** Every vertex that was announced, in that order. */
  get vertices(): Iterable<VertexRecord> {
    return this.#vertices.values();
  }

  vertex(digest: string): VertexRecord | undefined {
    return this.#vertices.get(digest);
  }

  /** When the first step started. */
  get startedAt(): Timestamp | undefined {
    return this.#startedAt;
  }

  /** The newest moment that any update has named. */
  get latest(): Timestamp | undefined {
    return this.#latest;
  }

  get totals(): BuildTotals {
    this.#totals ??= totalsOf(this.#all);
    return this.#totals;
  }

  /** Takes what the daemon told. Never throws. */
  apply(update: StatusUpdate): void {
    const touched = update.vertices.length > 0 ? this.#updateVertices(update.vertices) : [];
    for (const status of update.statuses) this.#status(status);
    for (const warning of update.warnings) this.#warning(warning);
    for (const log of update.logs) this.#log(log);
    for (const step of touched) this.#settle(step);
  }

  /** Ends the lines that are still open: nothing more will come. */
  finish(): void {
    for (const step of this.#all) step.flushLines((line) => this.#observer.line?.(step, line));
  }

  /** The steps of which the vertices say something new. */
  #updateVertices(vertices: readonly Vertex[]): Set<StepEntry> {
    this.#totals = undefined;
    const touched = new Set<StepEntry>();
    for (const vertex of vertices) this.#vertex(vertex, touched);
    return touched;
  }

  #vertex(vertex: Vertex, touched: Set<StepEntry>): void {
    let entry = this.#vertices.get(vertex.digest);
    const isNew = entry === undefined;
    const step = this.#owners.get(vertex.digest) ?? this.#stepFor(vertex);
    if (entry === undefined) {
      entry = new VertexEntry(vertex, step);
      step.join(entry);
      this.#vertices.set(vertex.digest, entry);
      this.#owners.set(vertex.digest, step);
    }
    this.#see(vertex.started);
    this.#see(vertex.completed);
    const changed = entry.update(vertex);
    if (changed || isNew) {
      step.refresh();
      if (this.#startedAt === undefined) this.#startedAt = step.intervals[0]?.start;
      if (step.number === 0 && !step.hidden && step.intervals.length > 0)
        step.number = this.#steps.push(step);
      touched.add(step);
      if (step.number > 0) this.#observer.changed?.(step);
    }
    if (isNew) this.#adopt(vertex.digest);
  }

  #status(status: VertexStatus): void {
    const step = this.#find(status.vertex, { kind: "status", event: status });
    if (step === undefined) return;
    this.#see(status.timestamp);
    if (step.setTask(status)) this.#observer.changed?.(step);
  }

  #warning(warning: VertexWarning): void {
    const step = this.#find(warning.vertex, { kind: "warning", event: warning });
    if (step?.addWarning(warning) !== true) return;
    this.#totals = undefined;
    this.#observer.changed?.(step);
  }

  #log(log: VertexLog): void {
    const step = this.#find(log.vertex, { kind: "log", event: log });
    if (step === undefined) return;
    this.#see(log.timestamp);
    step.addLog(log, (line) => this.#observer.line?.(step, line));
    step.trimLog(this.#limits);
    this.#observer.changed?.(step);
  }

  /** Ends the lines of steps that have ended. */
  #settle(step: StepEntry): void {
    if (completedAt(step) === undefined) return;
    step.flushLines((line) => this.#observer.line?.(step, line));
    step.trimLog(this.#limits);
  }

  #stepFor(vertex: Vertex): StepEntry {
    const group = vertex.progressGroup;
    const known = group === undefined ? undefined : this.#groups.get(group.id);
    if (known !== undefined) return known;
    const step = group === undefined ? new StepEntry(vertex.digest) : new StepEntry(group.id, group);
    if (group !== undefined) this.#groups.set(group.id, step);
    this.#all.push(step);
    return step;
  }

  #find(digest: string, orphan: Orphan): StepEntry | undefined {
    const step = this.#owners.get(digest);
    if (step !== undefined) return step;
    this.#orphans.push(orphan);
    this.#orphanBytes += orphanBytes(orphan);
    while (this.#orphanBytes > MAX_ORPHAN_BYTES) {
      const oldest = this.#orphans.shift();
      if (oldest !== undefined) this.#orphanBytes -= orphanBytes(oldest);
    }
    return undefined;
  }

  /** Takes the events that came before the vertex that they are about. */
  #adopt(digest: string): void {
    if (this.#orphans.length === 0) return;
    const own = this.#orphans.filter(({ event }) => event.vertex === digest);
    this.#orphans = this.#orphans.filter(({ event }) => event.vertex !== digest);
    for (const orphan of own) {
      this.#orphanBytes -= orphanBytes(orphan);
      if (orphan.kind === "status") this.#status(orphan.event);
      else if (orphan.kind === "warning") this.#warning(orphan.event);
      else this.#log(orphan.event);
    }
  }

  #see(moment: Timestamp | undefined): void {
    if (moment !== undefined && (this.#latest === undefined || moment > this.#latest)) this.#latest = moment;
  }
}

function totalsOf(steps: readonly StepEntry[]): BuildTotals {
  const totals = { steps: 0, completed: 0, cached: 0, failed: 0, canceled: 0, warnings: 0 };
  for (const step of steps) {
    totals.warnings += step.warnings.length;
    if (step.hidden) continue;
    totals.steps++;
    if (completedAt(step) !== undefined) totals.completed++;
    const { state } = step;
    if (state === "cached") totals.cached++;
    else if (state === "error") totals.failed++;
    else if (state === "canceled") totals.canceled++;
  }
  return totals;
}

type Orphan =
  | { readonly kind: "status"; readonly event: VertexStatus }
  | { readonly kind: "warning"; readonly event: VertexWarning }
  | { readonly kind: "log"; readonly event: VertexLog };

function orphanBytes({ kind, event }: Orphan): number {
  return kind === "log" ? event.data.length + EVENT_BYTES : EVENT_BYTES;
}
