import type { ProgressBuild, ProgressDisplay, ProgressSink, StatusUpdate } from "@buildkit-node/core";
import { BuildModel } from "../../model/build-model.ts";
import type { LogLine } from "../../model/log-tail.ts";
import type { Step } from "../../model/step.ts";
import { failureLines, sourceLines } from "../failure.ts";
import type { Output } from "../output.ts";
import { Pace } from "../pace.ts";
import { logText, PlainStep } from "./plain-step.ts";
import { type PlainFormat, PlainWriter } from "./plain-writer.ts";

/** Output of a step that waits for the focus; beyond this it is written at once, so that memory stays bounded. */
const MAX_PENDING_LENGTH = 1_048_576;

/** The same for the step that has the focus: nothing is gained by holding much of it. */
const MAX_FOCUS_LENGTH = 65_536;

/** Lines shown of a failed step's output. */
const FAILURE_LINES = 10;

export interface PlainOptions extends PlainFormat {
  readonly output: Output;
  readonly intervalMs: number;
  /** Names of steps are cut after this many characters. */
  readonly maxNameLength: number;
}

/** Lines of text, in blocks by step, for logs and pipes. */
export class PlainDisplay implements ProgressDisplay {
  readonly #options: PlainOptions;
  readonly #writer: PlainWriter;
  readonly #pace: Pace;
  readonly #builds = new Set<PlainBuild>();

  constructor(options: PlainOptions) {
    this.#options = options;
    this.#writer = new PlainWriter(options);
    this.#pace = new Pace(options.intervalMs, () => this.#draw());
  }

  attach(build: ProgressBuild): ProgressSink {
    const { output, maxNameLength } = this.#options;
    const plain = new PlainBuild(this.#writer, (step) =>
      cut(withPrefix(build.name, step.name), maxNameLength),
    );
    this.#builds.add(plain);
    output.acquire();
    return {
      update: (update) => this.#update(plain, update),
      end: ({ error }) => this.#end(plain, error),
    };
  }

  #update(build: PlainBuild, update: StatusUpdate): void | Promise<void> {
    const { output } = this.#options;
    if (!this.#builds.has(build)) return;
    build.model.apply(update);
    const overfull = build.takeOverfull();
    if (overfull !== undefined) output.write(this.#writer.takeAll(overfull));
    if (this.#writer.isDirty) this.#pace.request();
    return output.isBusy ? output.drained() : undefined;
  }

  async #end(build: PlainBuild, error: unknown): Promise<void> {
    if (!this.#builds.has(build)) return;
    const { output } = this.#options;
    this.#pace.drawNow();
    build.model.finish();
    const failures = failureLines(build.model, (step) => step.log.last(FAILURE_LINES).map(logText));
    const lines = [...failures, ...sourceLines(error)];
    const text = this.#writer.takeAll(build.steps());
    output.write(lines.length === 0 ? text : text + this.#writer.takeLines(lines));
    this.#builds.delete(build);
    if (this.#builds.size === 0) this.#pace.cancel();
    await output.release();
  }

  #draw(): void {
    this.#options.output.write(this.#writer.take(performance.now(), this.#running()));
    if (this.#writer.isDirty) this.#pace.request();
  }

  *#running(): Iterable<PlainStep> {
    for (const build of this.#builds) yield* build.running();
  }
}

class PlainBuild {
  readonly model: BuildModel;
  readonly #steps = new Map<Step, PlainStep>();
  readonly #writer: PlainWriter;
  readonly #nameOf: (step: Step) => string;
  #overfull: Set<PlainStep> | undefined;

  constructor(writer: PlainWriter, nameOf: (step: Step) => string) {
    this.#writer = writer;
    this.#nameOf = nameOf;
    this.model = new BuildModel({
      logLines: FAILURE_LINES,
      observer: {
        changed: (step) => this.#changed(step),
        line: (step, line) => this.#line(step, line),
      },
    });
  }

  /** Steps with more unwritten output than is to be held. */
  takeOverfull(): Iterable<PlainStep> | undefined {
    const steps = this.#overfull;
    this.#overfull = undefined;
    return steps;
  }

  steps(): Iterable<PlainStep> {
    return this.#steps.values();
  }

  *running(): Iterable<PlainStep> {
    for (const step of this.model.steps) if (step.state === "running") yield this.#of(step);
  }

  #changed(step: Step): void {
    const plain = this.#of(step);
    plain.note();
    this.#writer.mark(plain);
  }

  #line(step: Step, line: LogLine): void {
    const plain = this.#of(step);
    plain.addLine(line);
    this.#writer.mark(plain);
    const limit = this.#writer.current === plain ? MAX_FOCUS_LENGTH : MAX_PENDING_LENGTH;
    if (plain.pendingLength > limit) this.#overfull = (this.#overfull ?? new Set()).add(plain);
  }

  #of(step: Step): PlainStep {
    let plain = this.#steps.get(step);
    if (plain === undefined) {
      plain = new PlainStep(step, () => this.#nameOf(step));
      this.#steps.set(step, plain);
    }
    return plain;
  }
}

/** `name` of a step of a build that has a name of its own: `[app internal] load ...`. */
function withPrefix(build: string | undefined, name: string): string {
  if (build === undefined) return name;
  return name.startsWith("[") ? `[${build} ${name.slice(1)}` : `[${build}] ${name}`;
}

function cut(name: string, length: number): string {
  if (name.length <= length) return name;
  const characters = Array.from(name);
  return characters.length <= length ? name : `${characters.slice(0, length).join("")}...`;
}
