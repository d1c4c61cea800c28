import { BuildkitError } from "@buildkit-node/core";

/** An SSH agent cannot be reached, or a key file cannot be used. Holds nothing of a key but where it was read. */
export class SshError extends BuildkitError {
  override readonly name: string = "SshError";
  /** The agent's socket or the key's file. */
  readonly path: string;

  constructor(path: string, message: string, options?: { readonly cause?: unknown }) {
    super("ERR_BUILDKIT_SSH", message, options);
    this.path = path;
  }
}
