import { BuildkitError } from "./error.ts";
import { errorAdvice } from "./error-advice.ts";
import type { Range } from "./model/status.ts";
import { type ExcerptLine, sourceExcerpt } from "./source-excerpt.ts";

/** A source file with the places in it that an error points at. */
export interface ErrorSource {
  readonly filename: string;
  /** The language as the frontend calls it, such as `Dockerfile`; empty when not known. */
  readonly language: string;
  /** The whole file. */
  readonly data: Uint8Array;
  readonly ranges: readonly Range[];
}

/** The daemon's stack where an error arose, innermost frame first. */
export interface ErrorStack {
  readonly frames: readonly { readonly name: string; readonly file: string; readonly line: number }[];
  /** The process that it was, such as `buildkitd`. */
  readonly command: readonly string[];
  readonly version: string;
  readonly revision: string;
}

/** One of the details that came with an error, as it was sent. */
export interface ErrorDetail {
  /** Such as `errdefs.Vertex+json`. */
  readonly type: string;
  readonly value: Uint8Array;
}

export interface SolveErrorFields {
  /** The build's reference. */
  readonly ref: string;
  /** The daemon's own words. */
  readonly text: string;
  /** The name of the gRPC status, such as `Unknown`, `NotFound` or `Canceled`. */
  readonly status: string;
  /** The step that failed, where the daemon names one. */
  readonly vertex?: { readonly digest: string; readonly name?: string };
  /** The exit code of the process that failed. */
  readonly exitCode?: number;
  /** The failed operation as the daemon describes it; sent for builds that a client drives. */
  readonly op?: Readonly<Record<string, unknown>>;
  /** Where the failed step stands in the sources, innermost first. */
  readonly sources: readonly ErrorSource[];
  /** The last lines that the failed step wrote. */
  readonly logs: readonly string[];
  /** The frontend that failed, such as `dockerfile.v0`. */
  readonly frontend?: string;
  /** Why a source policy denied the build. */
  readonly denied: readonly string[];
  readonly daemonStacks: readonly ErrorStack[];
  /** Everything that the daemon attached, decoded or not. */
  readonly details: readonly ErrorDetail[];
  /** True when the daemon's details were too large to be sent and could not be read elsewhere. */
  readonly detailsMissing: boolean;
}

/** What opens containers in failed steps: the gateway of the build, while its function runs. */
export interface StepDebugger<Container, Options> {
  debug(error: SolveError, options?: Options): Promise<Container>;
}

/** A build failed on the daemon. The fields say where and why; `format` draws them for a person. */
export class SolveError extends BuildkitError implements SolveErrorFields {
  override readonly name: string = "SolveError";
  readonly ref: string;
  readonly text: string;
  readonly status: string;
  declare readonly vertex?: { readonly digest: string; readonly name?: string };
  declare readonly exitCode?: number;
  declare readonly op?: Readonly<Record<string, unknown>>;
  declare readonly sources: readonly ErrorSource[];
  readonly logs: readonly string[];
  declare readonly frontend?: string;
  readonly denied: readonly string[];
  declare readonly daemonStacks: readonly ErrorStack[];
  declare readonly details: readonly ErrorDetail[];
  readonly detailsMissing: boolean;

  constructor(fields: SolveErrorFields, options?: { readonly cause?: unknown }) {
    super("ERR_BUILDKIT_SOLVE", messageOf(fields), options);
    this.ref = fields.ref;
    this.text = fields.text;
    this.status = fields.status;
    if (fields.vertex !== undefined) this.vertex = fields.vertex;
    if (fields.exitCode !== undefined) this.exitCode = fields.exitCode;
    this.logs = fields.logs;
    if (fields.frontend !== undefined) this.frontend = fields.frontend;
    this.denied = fields.denied;
    this.detailsMissing = fields.detailsMissing;
    // Large, and of no use to a reader: consoles show what is enumerable. An operation may also hold what its address held.
    if (fields.op !== undefined) Object.defineProperty(this, "op", { value: fields.op });
    Object.defineProperty(this, "sources", { value: fields.sources });
    Object.defineProperty(this, "daemonStacks", { value: fields.daemonStacks });
    Object.defineProperty(this, "details", { value: fields.details });
    Object.defineProperty(this, Symbol.for("nodejs.util.inspect.custom"), { value: () => this.#inspect() });
  }

  /**
   * A container with the mounts of the step that failed, and with the files as the step left them or found them: for errors
   * that a build function met, while it runs. See `Gateway.debug`.
   *
   * @throws {InvalidArgumentError} when what failed is not a step that ran a process
   */
  debug<Container, Options>(
    gateway: StepDebugger<Container, Options>,
    options?: Options,
  ): Promise<Container> {
    return gateway.debug(this, options);
  }

  /**
   * What a person needs, in plain text of several lines: the step, its log, the source with its lines marked, the error,
   * and what to do about it where that is known.
   */
  format(): string {
    const advice = errorAdvice(this.text);
    const end = [
      `error: ${this.text.split("\n").map(shortened).join("\n")}`,
      ...this.denied.map((reason) => `denied: ${plain(reason)}`),
      ...(this.detailsMissing ? ["(the details were too large to be sent)"] : []),
      ...(advice === undefined ? [] : [`hint: ${plain(advice)}`]),
    ];
    return [...this.#evidence(), end.join("\n")].join("\n\n");
  }

  /** For consoles and for uncaught errors: the stack, what a person needs, and the fields to ask the daemon with. */
  #inspect(): string {
    const { code, ref, status, exitCode } = this;
    const fields = { code, ref, status, ...(exitCode !== undefined && { exitCode }) };
    const shown = Object.entries(fields).map(([name, value]) => `${name}: ${JSON.stringify(value)}`);
    const stack = plain(this.stack ?? `${this.name}: ${this.message}`);
    return [stack, ...this.#evidence(), `{ ${shown.join(", ")} }`].join("\n\n");
  }

  #evidence(): readonly string[] {
    // A place may be named twice, by the frontend and by what it called.
    const places = new Set(this.sources.map(formatSource));
    const sources = [...places].filter((section) => section !== "");
    const isSilent = this.logs.length === 0 && (sources.length > 0 || this.vertex?.name === undefined);
    return [...(isSilent ? [] : [formatLogs(this.vertex?.name, this.logs)]), ...sources];
  }
}

function messageOf({ text, sources, detailsMissing }: SolveErrorFields): string {
  const [innermost] = sources;
  const line = innermost?.ranges[0]?.start.line;
  const place = innermost === undefined || line === undefined ? "" : ` (${innermost.filename}:${line})`;
  const missing = detailsMissing ? " (the details were too large to be sent)" : "";
  return `build failed: ${text}${place}${missing}`;
}

function formatLogs(name: string | undefined, logs: readonly string[]): string {
  const head = name === undefined ? [] : [`> ${shortened(name)}`];
  return [...head, ...logs.map((line) => `  ${plain(overwritten(line))}`.trimEnd())].join("\n");
}

/** What is left to see of a line that was written again and again, as bars of progress are. */
function overwritten(line: string): string {
  return line.split("\r").findLast((state) => state !== "") ?? "";
}

function formatSource(source: ErrorSource): string {
  const excerpt = [...sourceExcerpt(source.data, source.ranges)];
  const last = excerpt.at(-1);
  // What follows the end of a file's last line.
  if (last?.text === "" && !last.marked) excerpt.pop();
  const [first] = excerpt.filter((line) => line.marked);
  if (first === undefined) return "";
  const width = String(excerpt.at(-1)?.number ?? "").length;
  const lines = excerpt.flatMap((line, index) => {
    const before = excerpt[index - 1];
    const gap = before !== undefined && line.number > before.number + 1 ? [`  ${" ".repeat(width)} ⋮`] : [];
    return [...gap, formatLine(line, width)];
  });
  return [`${plain(source.filename)}:${first.number}`, ...lines].join("\n");
}

function formatLine({ number, text, marked }: ExcerptLine, width: number): string {
  return `${marked ? ">" : " "} ${String(number).padStart(width)} | ${shortened(text)}`.trimEnd();
}

/** Shown of a longer line, which a step may well be: how it begins and how it ends. */
const beginning = 300;
const ending = 100;

function shortened(line: string): string {
  const text = [...plain(line)];
  const left = text.length - beginning - ending;
  if (left <= 0) return text.join("");
  return `${text.slice(0, beginning).join("")} … (${left} more) … ${text.slice(-ending).join("")}`;
}

/** Text for a terminal: what a daemon or a build step wrote must not move the cursor or set colours. */
function plain(text: string): string {
  return text
    .replace(/\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)/g, "")
    .replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, "");
}
