import { busyMs } from "../../model/intervals.ts";
import { completedAt } from "../../model/step.ts";
import { fixed } from "../../text/format.ts";
import { plainLines, stripColours } from "../../text/terminal-line.ts";
import { nextFocus } from "./focus.ts";
import { logText, type PlainStep } from "./plain-step.ts";

/** A line that is being rewritten (a progress bar) is written again after this time. */
const REWRITE_INTERVAL_MS = 5000;

export interface PlainFormat {
  /** Keep the colours of the builds' own output. */
  readonly color: boolean;
  /** Lines that open and close a foldable group around a step's lines. */
  readonly groups: { readonly open: string; readonly close: string } | undefined;
  /** Said once before everything else. */
  readonly description: string | undefined;
}

/** Puts the lines of many steps one after another, in blocks that each belong to one step. */
export class PlainWriter {
  readonly #format: PlainFormat;
  readonly #dirty = new Set<PlainStep>();
  #current: PlainStep | undefined;
  #steps = 0;
  #text = "";
  /** The line at the end of what has been written, as long as it has no line feed. */
  #open = "";

  constructor(format: PlainFormat) {
    this.#format = format;
    if (format.description !== undefined) this.#text = `#0 ${format.description}\n\n`;
  }

  /** True while steps have something to say that has not been written. */
  get isDirty(): boolean {
    return this.#dirty.size > 0;
  }

  /** The step that has the focus. */
  get current(): PlainStep | undefined {
    return this.#current;
  }

  mark(step: PlainStep): void {
    this.#dirty.add(step);
  }

  /** What is to be written now: all of the steps that have ended, and of the others the one in focus. */
  take(now: number, running: Iterable<PlainStep>): string {
    const shown = [...this.#dirty].filter(({ step }) => !step.hidden);
    const ended = shown.filter(({ step }) => completedAt(step) !== undefined);
    const focus = this.#current;
    for (const step of inOrderOfEnd(ended, focus)) this.#block(step);
    const open = shown.filter((step) => !ended.includes(step));
    if (open.length === 0) this.#settle(focus, running);
    else this.#turn(open, focus !== undefined && ended.includes(focus) ? undefined : focus, now);
    this.#partial(now);
    return this.#taken();
  }

  /** Everything about these steps, whoever has the focus. */
  takeAll(steps: Iterable<PlainStep>): string {
    for (const step of steps) {
      const isLeftOpen = step.index > 0 && !step.isClosed && completedAt(step.step) !== undefined;
      if (!step.step.hidden && (isLeftOpen || this.#dirty.has(step))) this.#block(step, true);
    }
    return this.#taken();
  }

  /** Lines that belong to no step; they end the block before them. */
  takeLines(lines: readonly string[]): string {
    if (this.#current !== undefined) this.#leave(this.#current);
    for (const line of lines) this.#line(line);
    return this.#taken();
  }

  #taken(): string {
    const text = this.#text;
    this.#text = "";
    return this.#format.color ? text : stripColours(text);
  }

  /** Nothing new of running steps: if none is in focus, name one, so that one sees what the build waits for. */
  #settle(focus: PlainStep | undefined, running: Iterable<PlainStep>): void {
    if (focus?.step.state === "running") return;
    const [first] = running;
    if (first !== undefined) this.#block(first);
  }

  #turn(open: readonly PlainStep[], focus: PlainStep | undefined, now: number): void {
    const isHeard = focus === undefined || open.includes(focus);
    if (focus !== undefined && isHeard) this.#block(focus);
    const next = nextFocus(isHeard ? open : [...open, focus], focus, now);
    if (next !== undefined) this.#block(next);
  }

  /** Writes what the step has to say, and its end once it has come; tasks that go on put that off unless `final`. */
  #block(step: PlainStep, final = false): void {
    if (step !== this.#current) this.#enter(step);
    this.#stepLines(step, step.take());
    this.#dirty.delete(step);
    if (completedAt(step.step) !== undefined && (final || !step.hasOpenTask)) this.#end(step);
  }

  #enter(step: PlainStep): void {
    if (this.#current !== undefined) this.#leave(this.#current);
    const { groups } = this.#format;
    if (this.#steps > 0 && groups === undefined) this.#line("");
    if (step.index === 0) step.index = ++this.#steps;
    this.#line(`${groups?.open ?? ""}#${step.index} ${step.name}`);
    this.#current = step;
  }

  #leave(step: PlainStep): void {
    this.#line(`#${step.index} ...`);
    this.#closeGroup();
    step.activity = 0;
    this.#current = undefined;
  }

  #end(step: PlainStep): void {
    this.#stepLines(step, endLines(step));
    this.#closeGroup();
    step.isClosed = true;
    step.activity = 0;
    this.#current = undefined;
  }

  #closeGroup(): void {
    if (this.#format.groups !== undefined) this.#line(this.#format.groups.close);
  }

  #stepLines({ index }: PlainStep, lines: readonly string[]): void {
    const [first] = lines;
    if (first === undefined) return;
    this.#line(`#${index} ${first}`);
    // Joined at once, because there may be very many.
    if (lines.length > 1) this.#text += `#${index} ${lines.slice(1).join(`\n#${index} `)}\n`;
  }

  #line(line: string): void {
    if (this.#open !== "" && line.startsWith(this.#open)) this.#text += `${line.slice(this.#open.length)}\n`;
    else this.#text += this.#open === "" ? `${line}\n` : `\n${line}\n`;
    this.#open = "";
  }

  /** Writes what there is of a line that has not ended, so that dots that tell of progress are seen in time. */
  #partial(now: number): void {
    const step = this.#current;
    const [head] = step?.step.openLines ?? [];
    if (step === undefined || head === undefined) return;
    const line = `#${step.index} ${logText(head)}`;
    if (this.#open !== "" && line.startsWith(this.#open)) {
      this.#text += line.slice(this.#open.length);
    } else {
      const { partial } = step;
      if (partial !== undefined && (partial.line === line || now - partial.since < REWRITE_INTERVAL_MS))
        return;
      this.#text += this.#open === "" ? line : `\n${line}`;
      step.partial = { line, since: now };
    }
    this.#open = line;
  }
}

/** How a step that is over ends its block. */
function endLines({ step }: PlainStep): string[] {
  if (step.state === "canceled") return ["CANCELED"];
  if (step.state === "error") return plainLines(`ERROR: ${step.error}`);
  if (step.state === "cached") return ["CACHED"];
  return [`DONE ${fixed(busyMs(step.intervals, 0) / 1000, 1)}s`];
}

/** The step in focus first, then by the time at which each ended. */
function inOrderOfEnd(steps: PlainStep[], current: PlainStep | undefined): PlainStep[] {
  const rank = (step: PlainStep) =>
    step === current ? Number.NEGATIVE_INFINITY : (completedAt(step.step) ?? 0);
  return steps.sort((a, b) => rank(a) - rank(b));
}
