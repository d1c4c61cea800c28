import { BuildkitError } from "@buildkit-node/core";
import { StatusError } from "@buildkit-node/transport";

/** Why a file cannot be read. */
export type FileProblem =
  /** There is nothing of that name. */
  | "missing"
  /** It is a directory, or something else that is not a regular file. */
  | "not-a-file"
  /** It is not a directory. */
  | "not-a-directory"
  /** The daemon gave another reason: see the message. */
  | "other";

/** A file of a result, or of a container, cannot be read. */
export class FileError extends BuildkitError {
  override readonly name: string = "FileError";
  readonly path: string;
  readonly problem: FileProblem;

  constructor(path: string, problem: FileProblem, text: string, options?: { readonly cause?: unknown }) {
    super("ERR_BUILDKIT_FILE", `cannot read ${JSON.stringify(path)}: ${text}`, options);
    this.path = path;
    this.problem = problem;
  }
}

/**
 * What a failed read throws. The daemon gives no status code of its own for files, only text. The failure of the step
 * that makes the file passes through.
 */
export function fileError(path: string, thrown: unknown): unknown {
  if (!(thrown instanceof StatusError)) return thrown;
  const problem = problemIn(thrown.text);
  if (problem === "other" && thrown.status !== "Unknown") return thrown;
  return new FileError(path, problem, thrown.text, { cause: thrown });
}

function problemIn(text: string): FileProblem {
  if (/no such file or directory|file does not exist/.test(text)) return "missing";
  if (/is a directory|not a regular file/.test(text)) return "not-a-file";
  if (/not a directory/.test(text)) return "not-a-directory";
  return "other";
}
