import type {
  Interval,
  ProgressGroup,
  Timestamp,
  VertexLog,
  VertexStatus,
  VertexWarning,
} from "@buildkit-node/core";
import { plainText } from "../text/terminal-line.ts";
import { mergeIntervals } from "./intervals.ts";
import { LineAssembler } from "./line-assembler.ts";
import { type LogLine, LogTail } from "./log-tail.ts";
import type { LogLineHead, Step, StepState, Task } from "./step.ts";
import { stateOf, type VertexEntry } from "./vertex-entry.ts";

/** How much of a rate the newest report makes. */
const RATE_WEIGHT = 0.3;

/** How much output is kept of one step. */
export interface LogLimits {
  readonly lines: number;
  readonly length: number;
  /** Lines kept of a step that ended well. */
  readonly doneLines: number;
}

/** The step of one vertex or one progress group, as it changes. */
export class StepEntry implements Step {
  readonly id: string;
  readonly isGroup: boolean;
  readonly tasks: Task[] = [];
  readonly warnings: VertexWarning[] = [];
  readonly log: LogTail = new LogTail();
  number = 0;
  name: string;
  cached = false;
  error?: string;
  intervals: readonly Interval[] = [];
  hidden: boolean;
  readonly #entries: VertexEntry[] = [];
  readonly #tasks = new Map<string, { task: Task; shownAt: number }>();
  readonly #streams = new Map<string, OpenStream>();
  readonly #warningKeys = new Set<string>();

  constructor(id: string, group?: ProgressGroup) {
    this.id = id;
    this.isGroup = group !== undefined;
    this.hidden = group !== undefined;
    this.name = plainText(group?.name ?? id);
  }

  get state(): StepState {
    return stateOf(this);
  }

  get members(): readonly string[] {
    return this.#entries.map((entry) => entry.digest);
  }

  get openLines(): readonly LogLineHead[] {
    const open: LogLineHead[] = [];
    for (const { stream, seconds, lines } of this.#streams.values()) {
      const text = lines.open;
      if (text !== "") open.push({ stream, seconds, text });
    }
    return open;
  }

  join(entry: VertexEntry): void {
    this.#entries.push(entry);
  }

  /** Brings name, state and times up to date with the members'. */
  refresh(): void {
    const [only] = this.#entries;
    if (!this.isGroup && only !== undefined) {
      this.name = only.name;
      this.cached = only.cached;
      this.intervals = only.intervals;
      this.#setError(only.error);
      return;
    }
    this.cached = this.#entries.every((entry) => entry.cached);
    this.intervals = mergeIntervals(this.#entries.flatMap((entry) => entry.intervals));
    this.#setError(this.#entries.find((entry) => entry.error !== undefined)?.error);
    const strong = this.#entries.some((entry) => entry.group?.weak === false && entry.intervals.length > 0);
    if (strong || this.error !== undefined) this.hidden = false;
  }

  /** Takes a task's newest state; false if it is late or says nothing new. */
  setTask(status: VertexStatus): boolean {
    const key = `${status.vertex} ${status.id}`;
    const known = this.#tasks.get(key);
    if (known !== undefined && isLate(status, known.task)) return false;
    const task: Task = { ...status, id: plainText(status.id), rate: nextRate(known?.task, status) };
    const shownAt = known?.shownAt ?? -1;
    if (shownAt >= 0) {
      this.tasks[shownAt] = task;
      this.#tasks.set(key, { task, shownAt });
    } else {
      this.#tasks.set(key, { task, shownAt: task.started === undefined ? -1 : this.tasks.push(task) - 1 });
    }
    return true;
  }

  /** Takes a warning; false if it is there already. */
  addWarning(warning: VertexWarning): boolean {
    const { level, short, url, ranges } = warning;
    const key = JSON.stringify([level, short, url, ranges]);
    if (this.#warningKeys.has(key)) return false;
    this.#warningKeys.add(key);
    this.warnings.push({ ...warning, short: plainText(short) });
    return true;
  }

  addLog({ vertex, stream, data, timestamp }: VertexLog, emit: (line: LogLine) => void): void {
    const key = `${vertex} ${stream}`;
    let open = this.#streams.get(key);
    if (open === undefined) {
      open = { stream, seconds: 0, timestamp, isOpen: false, lines: new LineAssembler() };
      this.#streams.set(key, open);
    }
    const { lines } = open;
    const seconds = this.#secondsAt(timestamp);
    // Only the first line that ends here can have begun in an earlier chunk.
    let begun = open.isOpen ? open : { timestamp, seconds };
    lines.write(data, (text) => {
      const line = { stream, timestamp: begun.timestamp, seconds: begun.seconds, text };
      begun = { timestamp, seconds };
      this.log.add(line);
      emit(line);
    });
    open.isOpen = lines.isOpen;
    open.timestamp = begun.timestamp;
    open.seconds = begun.seconds;
  }

  /** Ends the lines that are open, as when the step has ended. */
  flushLines(emit: (line: LogLine) => void): void {
    for (const { stream, seconds, timestamp, lines } of this.#streams.values()) {
      lines.flush((text) => {
        const line = { stream, seconds, timestamp, text };
        this.log.add(line);
        emit(line);
      });
    }
    this.#streams.clear();
  }

  /** Forgets output beyond the limits. */
  trimLog(limits: LogLimits): void {
    const { state } = this;
    this.log.trim(state === "done" || state === "cached" ? limits.doneLines : limits.lines, limits.length);
  }

  #secondsAt(timestamp: Timestamp): number {
    const start = this.intervals.at(-1)?.start;
    return start === undefined ? 0 : Math.max(0, timestamp - start) / 1000;
  }

  #setError(error: string | undefined): void {
    if (error === undefined) delete this.error;
    else this.error = error;
  }
}

interface OpenStream {
  readonly stream: "stdout" | "stderr";
  readonly lines: LineAssembler;
  seconds: number;
  timestamp: Timestamp;
  isOpen: boolean;
}

/** True for a report that is older than what is known, or the same. */
function isLate(status: VertexStatus, known: Task): boolean {
  if (status.started !== known.started) return status.started === undefined;
  if (known.completed !== undefined && status.completed === undefined) return true;
  return (
    status.timestamp < known.timestamp ||
    (status.timestamp === known.timestamp &&
      status.current === known.current &&
      status.total === known.total &&
      status.completed === known.completed)
  );
}

function nextRate(known: Task | undefined, status: VertexStatus): number {
  if (known === undefined) {
    const seconds = (status.timestamp - (status.started ?? status.timestamp)) / 1000;
    return seconds > 0 ? status.current / seconds : 0;
  }
  const seconds = (status.timestamp - known.timestamp) / 1000;
  const moved = status.current - known.current;
  if (seconds <= 0 || moved <= 0) return known.rate;
  return known.rate === 0
    ? moved / seconds
    : known.rate * (1 - RATE_WEIGHT) + (moved / seconds) * RATE_WEIGHT;
}
