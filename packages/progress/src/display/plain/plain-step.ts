import type { LogLine } from "../../model/log-tail.ts";
import type { Step, Task } from "../../model/step.ts";
import { fixed, formatBytes, formatLogTime } from "../../text/format.ts";

/** A task is told again when this share of it has been done since it was last told, ... */
const TASK_SHARE = 0.05;

/** ... or when this much time has passed. */
const TASK_INTERVAL_MS = 5000;

/** What the plain display knows of one step: what has been written of it, and what has not. */
export class PlainStep {
  readonly step: Step;
  /** The number before its lines, given when the first is written. */
  index = 0;
  /** What happened since the step last had to make room for another one. */
  activity = 0;
  /** When the first of that happened, on the clock of `performance.now()`. */
  activeSince = 0;
  /** True when a task that goes on has been written: a step that is done stays open for it. */
  hasOpenTask = false;
  /** True when the step's end has been written, and nothing has happened since. */
  isClosed = false;
  /** A line without an end as it was last written, and when it was begun. */
  partial: { readonly line: string; readonly since: number } | undefined;
  #seconds = Number.NaN;
  #time = "";
  #lines: string[] = [];
  #length = 0;
  #warnings = 0;
  readonly #nameNow: () => string;
  readonly #tasks: { seen: Task; told?: Task }[] = [];

  constructor(step: Step, nameNow: () => string) {
    this.step = step;
    this.#nameNow = nameNow;
  }

  /** The name in its header. */
  get name(): string {
    return this.#nameNow();
  }

  /** Length of the output that waits to be written. */
  get pendingLength(): number {
    return this.#length;
  }

  /** Something has happened. */
  note(): void {
    if (this.activity++ === 0) this.activeSince = performance.now();
    this.isClosed = false;
  }

  addLine(line: LogLine): void {
    // Lines of one piece of output have the same time.
    if (line.seconds !== this.#seconds) {
      this.#seconds = line.seconds;
      this.#time = formatLogTime(line.seconds);
    }
    const text = `${this.#time} ${line.text}`;
    this.#lines.push(text);
    this.#length += text.length;
  }

  /** The lines to write, without the step's number; they count as written. */
  take(): string[] {
    const events = [...this.#takeTasks(), ...this.#takeWarnings()];
    const lines = events.length === 0 ? this.#lines : [...events, ...this.#lines];
    if (this.#length > 0) this.partial = undefined;
    this.#lines = [];
    this.#length = 0;
    return lines;
  }

  #takeTasks(): string[] {
    const lines: string[] = [];
    this.hasOpenTask = false;
    for (const [index, task] of this.step.tasks.entries()) {
      const known = this.#tasks[index];
      if (known?.seen === task) continue;
      const told = known?.told;
      if (told !== undefined && task.completed === undefined && !isWorthTelling(task, told)) {
        this.#tasks[index] = { seen: task, told };
        continue;
      }
      this.#tasks[index] = { seen: task, told: task };
      this.hasOpenTask ||= task.completed === undefined;
      lines.push(taskText(task));
    }
    return lines;
  }

  #takeWarnings(): string[] {
    const fresh = this.step.warnings.slice(this.#warnings);
    this.#warnings = this.step.warnings.length;
    return fresh.map((warning) => `WARN: ${warning.short}`);
  }
}

/** A line of output after its time. */
export function logText({ seconds, text }: Pick<LogLine, "seconds" | "text">): string {
  return `${formatLogTime(seconds)} ${text}`;
}

function isWorthTelling(task: Task, told: Task): boolean {
  const share = task.total > 0 ? (task.current - told.current) / task.total : 0;
  return share >= TASK_SHARE || task.timestamp - told.timestamp >= TASK_INTERVAL_MS;
}

function taskText(task: Task): string {
  let text = task.id;
  if (task.total !== 0) text += ` ${formatBytes(task.current)} / ${formatBytes(task.total)}`;
  else if (task.current !== 0) text += ` ${formatBytes(task.current)}`;
  if (task.started !== undefined) {
    const seconds = ((task.completed ?? task.timestamp) - task.started) / 1000;
    if (seconds > 0.01) text += ` ${fixed(seconds, 1)}s`;
  }
  return task.completed === undefined ? text : `${text} done`;
}
