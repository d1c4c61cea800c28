import { BuildkitError } from "@buildkit-node/core";

/** A container cannot be made, or a process in it cannot run. A process that fails is not an error: see its status. */
export class ContainerError extends BuildkitError {
  override readonly name: string = "ContainerError";

  constructor(message: string, options?: { readonly cause?: unknown }) {
    super("ERR_BUILDKIT_CONTAINER", message, options);
  }
}
