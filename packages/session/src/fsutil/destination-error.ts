import { BuildkitError, errorMessage } from "@buildkit-node/core";
import { systemCode } from "./local-source-error.ts";

/** A result cannot be written where it is to go. */
export class DestinationError extends BuildkitError {
  override readonly name: string = "DestinationError";
  /** The file or directory. */
  readonly path: string;
  /** The system's code, such as `ENOSPC`, where the system refused. */
  readonly systemCode: string | undefined;

  constructor(path: string, message: string, options?: { readonly cause?: unknown }) {
    super("ERR_BUILDKIT_DESTINATION", message, options);
    this.path = path;
    this.systemCode = systemCode(options?.cause);
  }
}

/** The error for what `node:fs` threw about a path. */
export function cannotWrite(path: string, cause: unknown): DestinationError {
  return new DestinationError(path, `cannot write ${path}: ${explain(cause)}`, { cause });
}

/** The error for a build that succeeded without the result that it was asked for. */
export function notReceived(path: string): DestinationError {
  return new DestinationError(path, `the daemon ended the build without sending anything for ${path}`);
}

function explain(cause: unknown): string {
  return explanations[systemCode(cause) ?? ""] ?? errorMessage(cause);
}

const explanations: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "permission denied",
  ENOSPC: "no space left",
  EDQUOT: "the disk quota is used up",
  EROFS: "the file system is read-only",
  ENOTDIR: "a file is in the way of a directory",
};
