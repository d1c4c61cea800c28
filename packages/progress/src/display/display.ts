import { InvalidArgumentError, type ProgressDisplay } from "@buildkit-node/core";
import { paintNothing, parseColors } from "../text/colors.ts";
import { lazyDisplay } from "./lazy-display.ts";
import { Output, type OutputStream } from "./output.ts";

/**
 * How progress is shown: `tty` redraws a live tree on a terminal; `plain` writes lines in blocks by step; `rawjson`
 * writes each update as a line of JSON; `quiet` writes nothing; `auto` is `tty` on a terminal and `plain` elsewhere.
 */
export type DisplayMode = "auto" | "tty" | "plain" | "rawjson" | "quiet";

export interface DisplayOptions {
  /** Where to write. Default: `process.stderr`. Several displays must not write to one stream at a time. */
  readonly stream?: OutputStream;
  /** The variables to read, once, in the call of {@link display}. Default: `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Colours. Default: unless `NO_COLOR` is set and not empty. */
  readonly color?: boolean;
  /** Least time between two drawings, in milliseconds. Default: `TTY_DISPLAY_RATE`, else 100. */
  readonly intervalMs?: number;
  /** `tty` only: colours, written as in `BUILDKIT_COLORS`, which is the default. */
  readonly colors?: string;
  /** `tty` only: lines of output shown of one running step. Default: `BUILDKIT_TTY_LOG_LINES`, else 6. */
  readonly logLines?: number;
  /** `tty` only: what the first line says is being done. Default: `Building`. */
  readonly phase?: string;
  /** `plain` only: a line before all others. */
  readonly description?: string;
  /**
   * `plain` only: `github` folds each step's lines into a group of GitHub Actions. Default: `github` when `auto` has chosen
   * `plain` and `GITHUB_ACTIONS` is `true`, else `none`.
   */
  readonly groups?: "github" | "none";
}

const MODES: readonly string[] = ["auto", "tty", "plain", "rawjson", "quiet"] satisfies DisplayMode[];

/** Length of a step's name when `PROGRESS_NO_TRUNC` is `0`. */
const SHORT_NAME_LENGTH = 72;

const GITHUB_GROUPS = { open: "::group::", close: "::endgroup::" };

/**
 * A display for builds, to be given to `solve` as `progress`. It serves one build after the other, or several at a time:
 * the steps of a build with a name then carry that name.
 *
 * The environment is read in this call and never later: `BUILDKIT_PROGRESS` (replaces `auto`), `NO_COLOR`,
 * `BUILDKIT_COLORS`, `TTY_DISPLAY_RATE`, `BUILDKIT_TTY_LOG_LINES`, `PROGRESS_NO_TRUNC` (`0` cuts names to 72 characters
 * in `plain`), with the meaning that they have for BuildKit's own tools, `TERM` (`dumb` is no terminal) and
 * `GITHUB_ACTIONS`. `plain` and `rawjson` are line by line what those tools write,
 * but for control characters in output: those that would move the cursor or change the terminal are carried out within
 * their line or left out.
 *
 * `tty` hides the cursor only within each write, and installs no handlers of signals or of the process's end: whenever the
 * process stops, the terminal is left in order, with the last drawing on it.
 *
 * Nothing is written before the first build begins. If writing fails (a broken pipe), the build goes on unseen.
 *
 * @throws InvalidArgumentError for an unknown mode, and for `tty` on a stream that is no terminal.
 */
export function display(mode: DisplayMode = "auto", options: DisplayOptions = {}): ProgressDisplay {
  const env = options.env ?? process.env;
  const stream = options.stream ?? process.stderr;
  const asked = mode === "auto" ? env["BUILDKIT_PROGRESS"] || "auto" : mode;
  if (!MODES.includes(asked)) {
    throw new InvalidArgumentError(
      "mode",
      asked,
      `unknown progress mode ${JSON.stringify(asked)}: use ${MODES.join(", ")}`,
    );
  }
  if (asked === "quiet") return quiet;
  const output = new Output(stream);
  if (asked === "rawjson") {
    return lazyDisplay(async () => {
      const { RawJsonDisplay } = await import("./raw-json-display.ts");
      return new RawJsonDisplay(output);
    });
  }
  const isTerminal = stream.isTTY === true && env["TERM"] !== "dumb";
  if (asked === "tty" && !isTerminal) {
    throw new InvalidArgumentError(
      "stream",
      stream,
      "progress mode tty needs a terminal: use auto or plain elsewhere",
    );
  }
  return asked === "plain" || !isTerminal
    ? plain(output, env, options, asked === "auto")
    : tty(output, env, options);
}

type Environment = Readonly<Record<string, string | undefined>>;

function plain(
  output: Output,
  env: Environment,
  options: DisplayOptions,
  isOwnChoice: boolean,
): ProgressDisplay {
  const groups = options.groups ?? (isOwnChoice && env["GITHUB_ACTIONS"] === "true" ? "github" : "none");
  const settings = {
    output,
    color: options.color ?? !env["NO_COLOR"],
    intervalMs: options.intervalMs ?? positive(env["TTY_DISPLAY_RATE"]) ?? 100,
    description: options.description,
    groups: groups === "github" ? GITHUB_GROUPS : undefined,
    maxNameLength: env["PROGRESS_NO_TRUNC"] === "0" ? SHORT_NAME_LENGTH : Number.POSITIVE_INFINITY,
  };
  return lazyDisplay(async () => {
    const { PlainDisplay } = await import("./plain/plain-display.ts");
    return new PlainDisplay(settings);
  });
}

function tty(output: Output, env: Environment, options: DisplayOptions): ProgressDisplay {
  const color = options.color ?? !env["NO_COLOR"];
  const settings = {
    output,
    color,
    paint: color ? parseColors(options.colors ?? env["BUILDKIT_COLORS"], process.platform) : paintNothing,
    intervalMs: options.intervalMs ?? positive(env["TTY_DISPLAY_RATE"]) ?? 100,
    logLines: options.logLines ?? positive(env["BUILDKIT_TTY_LOG_LINES"]) ?? 6,
    phase: options.phase ?? "Building",
  };
  return lazyDisplay(async () => {
    const { TtyDisplay } = await import("./tty/tty-display.ts");
    return new TtyDisplay(settings);
  });
}

const quiet: ProgressDisplay = {
  attach: () => ({ update: () => {}, end: () => Promise.resolve() }),
};

function positive(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) && Number(text) > 0 ? Number(text) : undefined;
}
