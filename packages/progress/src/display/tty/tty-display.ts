import type {
  ProgressBuild,
  ProgressDisplay,
  ProgressSink,
  StatusUpdate,
  Timestamp,
} from "@buildkit-node/core";
import { BuildModel } from "../../model/build-model.ts";
import type { Step } from "../../model/step.ts";
import type { Paint } from "../../text/colors.ts";
import { fixed, formatLogTime } from "../../text/format.ts";
import { plainLines, plainText, stripColours } from "../../text/terminal-line.ts";
import { failureLines, sourceLines } from "../failure.ts";
import type { Output } from "../output.ts";
import { Pace } from "../pace.ts";
import { allRows, liveRows } from "./build-layout.ts";
import { layoutRow, type Row } from "./row.ts";
import { Screen, type ScreenLine, screenLine } from "./screen.ts";

export interface TtyOptions {
  readonly output: Output;
  readonly intervalMs: number;
  readonly paint: Paint;
  /** Keep the colours of the builds' own output, where a failed step's is shown. */
  readonly color: boolean;
  readonly logLines: number;
  /** What the first line says is being done. */
  readonly phase: string;
}

/** What a build has written loses this share of its weight with each drawing. */
const ACTIVITY_DECAY = 0.8;

/** Without news the times are drawn anew after this many intervals. */
const IDLE_INTERVALS = 1.5;

/** A tree of steps per build, drawn again and again at the bottom of a terminal. */
export class TtyDisplay implements ProgressDisplay {
  readonly #options: TtyOptions;
  readonly #screen: Screen;
  readonly #pace: Pace;
  readonly #idle: Pace;
  readonly #builds = new Set<TtyBuild>();
  readonly #onResize = () => this.#pace.request();

  constructor(options: TtyOptions) {
    this.#options = options;
    this.#screen = new Screen(options.output);
    this.#pace = new Pace(options.intervalMs, () => this.#draw());
    this.#idle = new Pace(options.intervalMs * IDLE_INTERVALS, () => this.#draw());
  }

  attach(build: ProgressBuild): ProgressSink {
    const { output } = this.#options;
    const shown = new TtyBuild(build.name);
    if (this.#builds.size === 0) output.stream.on("resize", this.#onResize);
    this.#builds.add(shown);
    output.acquire();
    this.#pace.request();
    return {
      update: (update) => this.#update(shown, update),
      end: ({ error }) => this.#end(shown, error),
    };
  }

  #update(build: TtyBuild, update: StatusUpdate): void {
    if (!this.#builds.has(build)) return;
    build.apply(update);
    this.#pace.request();
  }

  async #end(build: TtyBuild, error: unknown): Promise<void> {
    if (!this.#builds.delete(build)) return;
    const { output } = this.#options;
    build.model.finish();
    const printed = [
      ...this.#rows([build.header(this.#options.phase, outcomeOf(build.model, error)), ...build.all()]),
    ];
    this.#draw([...printed, ...this.#aftermath(build, error)]);
    if (this.#builds.size === 0) {
      this.#pace.cancel();
      this.#idle.cancel();
      output.stream.off("resize", this.#onResize);
    }
    await output.release();
  }

  /** Draws what runs, below what a build that has ended leaves behind. A slow terminal is not given more. */
  #draw(printed: readonly ScreenLine[] = []): void {
    this.#pace.cancel();
    if (this.#builds.size > 0) this.#idle.restart();
    if (this.#options.output.isBusy && printed.length === 0) return;
    this.#screen.draw(this.#rows(this.#live()), printed);
  }

  #rows(rows: Iterable<Row>): ScreenLine[] {
    const columns = Math.max(1, this.#screen.size.columns - 1);
    return Array.from(rows, (row) => layoutRow(row, columns, this.#options.paint));
  }

  #live(): Row[] {
    const { phase, logLines } = this.#options;
    const builds = [...this.#builds];
    const rows = this.#screen.size.rows - 1;
    if (rows < 1) return [];
    const shown = builds.slice(0, builds.length > rows ? rows - 1 : rows);
    let left = rows - shown.length - (shown.length < builds.length ? 1 : 0);
    const lines: Row[] = [];
    for (const [index, build] of shown.entries()) {
      const own = build.live(Math.floor(left / (shown.length - index)), logLines);
      left -= own.length;
      lines.push(build.header(phase, ""), ...own);
    }
    if (shown.length < builds.length)
      lines.push({ indent: "", text: `... ${builds.length - shown.length} more builds` });
    return lines;
  }

  /** What a reader wants to know when it is over, each line at its full length. */
  #aftermath(build: TtyBuild, error: unknown): ScreenLine[] {
    const { color, paint } = this.#options;
    const warnings = warningLines(build.model).map((line) => paint("warning", line));
    const failures = failureLines(build.model, failureLog).map((line) => (color ? line : stripColours(line)));
    return [...warnings, ...failures, ...sourceLines(error)].map(screenLine);
  }
}

/** A failed step's output as far as it is kept, and its error. */
function failureLog({ log, error }: Step): string[] {
  const unseen = log.total - log.lines.length;
  const lines = log.lines.map(({ seconds, text }) => `${formatLogTime(seconds)} ${text}`);
  return [...(unseen > 0 ? [`... ${unseen} lines before`] : []), ...lines, ...plainLines(`ERROR: ${error}`)];
}

function warningLines(model: BuildModel): string[] {
  const warnings = model.steps.flatMap((step) => step.warnings);
  if (warnings.length === 0) return [];
  const lines = warnings.flatMap(({ short, url }) => [
    ` - ${short}`,
    ...(url === undefined ? [] : [`   ${plainText(url)}`]),
  ]);
  return ["", ` ${warnings.length} ${warnings.length === 1 ? "warning" : "warnings"}:`, ...lines];
}

class TtyBuild {
  readonly model: BuildModel;
  readonly #name: string | undefined;
  readonly #attachedAt = performance.now();
  readonly #activity = new Map<Step, number>();
  /** What the daemon's clock said when `performance.now()` was 0, as far as can be told. */
  #clockOffset: number | undefined;

  constructor(name: string | undefined) {
    this.#name = name === undefined ? undefined : plainText(name);
    this.model = new BuildModel({
      observer: {
        line: (step, { text }) => this.#activity.set(step, (this.#activity.get(step) ?? 0) + text.length + 1),
      },
    });
  }

  apply(update: StatusUpdate): void {
    this.model.apply(update);
    const { startedAt } = this.model;
    if (startedAt !== undefined) this.#clockOffset ??= startedAt - performance.now();
  }

  header(phase: string, outcome: string): Row {
    const { completed, steps } = this.model.totals;
    const started = this.model.startedAt;
    const elapsedMs = started === undefined ? performance.now() - this.#attachedAt : this.#now() - started;
    const what = this.#name === undefined ? phase : `${phase} ${this.#name}`;
    const text = `[+] ${what} ${fixed(elapsedMs / 1000, 1)}s (${completed}/${steps})`;
    return { indent: "", text: outcome === "" ? text : `${text} ${outcome}` };
  }

  all(): Row[] {
    return allRows(this.model, this.#now());
  }

  live(height: number, logLines: number): Row[] {
    const activityOf = (step: Step) => this.#activity.get(step) ?? 0;
    const rows = liveRows(this.model, { height, logLines, now: this.#now(), activityOf });
    for (const [step, activity] of this.#activity) this.#activity.set(step, activity * ACTIVITY_DECAY);
    return rows;
  }

  /** Now on the daemon's clock: what it last said, or what has passed here since it first said something. */
  #now(): Timestamp {
    const here = this.#clockOffset === undefined ? 0 : this.#clockOffset + performance.now();
    return Math.max(here, this.model.latest ?? 0);
  }
}

function outcomeOf({ totals }: BuildModel, error: unknown): string {
  if (totals.failed > 0) return "ERROR";
  if (totals.canceled > 0) return "CANCELED";
  if (error !== undefined) return "ERROR";
  return totals.completed === totals.steps ? "FINISHED" : "";
}
