import { BuildkitError, errorMessage } from "@buildkit-node/core";

/** A file or directory of the caller's that was to be sent cannot be. Nothing was sent in its place. */
export class LocalSourceError extends BuildkitError {
  override readonly name: string = "LocalSourceError";
  /** The file or directory. */
  readonly path: string;
  /** The system's code, such as `EACCES`, where the system refused. */
  readonly systemCode: string | undefined;

  constructor(path: string, message: string, options?: { readonly cause?: unknown }) {
    super("ERR_BUILDKIT_LOCAL_SOURCE", message, options);
    this.path = path;
    this.systemCode = systemCode(options?.cause);
  }
}

/** The error for what `node:fs` threw about a path. */
export function cannotRead(path: string, cause: unknown): LocalSourceError {
  return new LocalSourceError(path, `cannot read ${path}: ${explain(cause)}`, { cause });
}

/** The system's code of what `node:fs` threw. */
export function systemCode(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !("code" in thrown)) return undefined;
  return typeof thrown.code === "string" ? thrown.code : undefined;
}

/** What the system said, in words. */
export function explain(cause: unknown): string {
  return explanations[systemCode(cause) ?? ""] ?? errorMessage(cause);
}

const vanished = "it does not exist, or vanished during the transfer";

const explanations: Readonly<Record<string, string>> = {
  ENOENT: vanished,
  ENOTDIR: vanished,
  EACCES: "permission denied",
  EPERM: "permission denied",
  EISDIR: "it is a directory",
  ELOOP: "it became a symbolic link during the transfer",
};
