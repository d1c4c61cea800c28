import { BuildkitError } from "@buildkit-node/core";

/** A Docker Engine did not take an image. */
export class EngineError extends BuildkitError {
  override readonly name: string = "EngineError";
  /** The engine's address. */
  readonly engine: string;
  /** The status of its answer; absent where it gave none, or failed after it had begun to answer. */
  readonly status: number | undefined;
  /** The engine's own words. */
  readonly text: string;

  constructor(
    engine: string,
    said: { readonly status?: number; readonly text: string },
    options?: { readonly cause?: unknown },
  ) {
    const status = said.status === undefined ? "" : ` (status ${said.status})`;
    super("ERR_BUILDKIT_DESTINATION", `the Docker Engine at ${engine}: ${said.text}${status}`, options);
    this.engine = engine;
    this.status = said.status;
    this.text = said.text;
  }
}
