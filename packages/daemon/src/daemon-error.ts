import { BuildkitError } from "@buildkit-node/core";

/** What is known of a daemon that failed. */
export interface DaemonFailure {
  readonly program: string;
  /** The exit code of a daemon that ended. */
  readonly exitCode?: number;
  /** The last lines that it printed. */
  readonly log?: string;
  /** The file with all that it printed, which is kept. */
  readonly logFile?: string;
  readonly cause?: unknown;
}

/** No private daemon could be had: none was found, or one did not start. */
export class DaemonError extends BuildkitError {
  override readonly name: string = "DaemonError";
  readonly program: string | undefined;
  readonly exitCode: number | undefined;
  readonly log: string | undefined;
  readonly logFile: string | undefined;

  constructor(message: string, failure?: DaemonFailure) {
    super("ERR_BUILDKIT_DAEMON", withLog(message, failure), failure);
    this.program = failure?.program;
    this.exitCode = failure?.exitCode;
    this.log = failure?.log;
    this.logFile = failure?.logFile;
  }
}

function withLog(message: string, failure: DaemonFailure | undefined): string {
  if (failure?.log === undefined) return message;
  return `${message}; the end of ${failure.logFile ?? "its log"}:\n${failure.log.replace(/^/gm, "  ")}`;
}
