import { BuildkitError } from "@buildkit-node/core";

/** A session could not be opened, or ended before it was closed. Builds that depend on it cannot succeed. */
export class SessionError extends BuildkitError {
  override readonly name: string = "SessionError";
  readonly sessionId: string;
  /** The longest time for which the event loop was blocked while the session was open, in milliseconds. */
  readonly longestStallMs: number;

  constructor(
    sessionId: string,
    message: string,
    options?: { readonly cause?: unknown; readonly longestStallMs?: number },
  ) {
    super("ERR_BUILDKIT_SESSION", message, options);
    this.sessionId = sessionId;
    this.longestStallMs = options?.longestStallMs ?? 0;
  }
}
