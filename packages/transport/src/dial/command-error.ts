import { BuildkitError } from "@buildkit-node/core";

/** A program that should have relayed its stdin and stdout to a daemon could not be started, or ended. */
export class CommandError extends BuildkitError {
  override readonly name: string = "CommandError";
  /** The program and its arguments. */
  readonly command: readonly string[];
  /** Absent when it could not be started, or was ended by a signal. */
  readonly exitCode: number | undefined;
  /** The signal that ended it. */
  readonly signal: string | undefined;
  /** The end of what it wrote to stderr, without control characters. */
  readonly stderr: string;
  /** What to do about it. */
  readonly advice: string;

  constructor(
    fields: Pick<CommandError, "command" | "exitCode" | "signal" | "stderr" | "advice">,
    options?: { readonly cause?: unknown },
  ) {
    super("ERR_BUILDKIT_CONNECT", describe(fields), options);
    this.command = fields.command;
    this.exitCode = fields.exitCode;
    this.signal = fields.signal;
    this.stderr = fields.stderr;
    this.advice = fields.advice;
  }

  /** False when the program is not there, or may not be run. */
  get started(): boolean {
    return this.exitCode !== undefined || this.signal !== undefined;
  }
}

function describe({
  command,
  exitCode,
  signal,
  stderr,
}: Pick<CommandError, "command" | "exitCode" | "signal" | "stderr">): string {
  if (exitCode === undefined && signal === undefined) return `the program ${command[0]} cannot be run`;
  const end = exitCode === undefined ? `was ended by ${signal}` : `ended with exit code ${exitCode}`;
  return `"${command.join(" ")}" ${end}${stderr === "" ? ", and said nothing" : `: ${stderr}`}`;
}
