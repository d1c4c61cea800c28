import type { Image } from "@buildkit-node/oci";
import type { ExportSink } from "@buildkit-node/session";

/**
 * Where a build's result goes: what `local()`, `tar()`, `oci()` and the others make, and what a build's `exports` takes.
 * One exporter serves one build at a time; `Result` is what it says about the result.
 */
export interface Exporter<Result> {
  /** The exporter's name for people, such as `local`. */
  readonly name: string;
  /**
   * Checks what can be checked before the build, and says what the build has to ask the daemon for. Rejects with an
   * `InvalidArgumentError` or a `DestinationError`; nothing is left behind then.
   */
  prepare(context: ExportContext): Promise<PreparedExport<Result>>;
}

/** What an exporter may know about the build that it is for. */
export interface ExportContext {
  /**
   * The document of the image that the build's state stands for: its platform, and the config of its base image with what
   * the state set. Only for raw LLB; absent where a frontend says what the image is.
   */
  readonly image?: Image;
}

/** An exporter that is ready for its build. Exactly one of `finish` and `discard` is called in the end. */
export interface PreparedExport<Result> {
  /** What the daemon is asked for; absent where it has nothing to do. */
  readonly request?: { readonly type: string; readonly attrs: Readonly<Record<string, string>> };
  /** Takes the result from the daemon, if it is to be sent. */
  readonly sink?: ExportSink;
  /** The build has succeeded. `response` is the daemon's answer, which all of the build's exporters share. */
  finish(response: Readonly<Record<string, string>>): Promise<Result>;
  /** The build has failed: nothing of its result is left. */
  discard(): Promise<void>;
}

/** The result of an exporter, as in `ResultOf<typeof exporter>`. */
export type ResultOf<E> = E extends Exporter<infer Result> ? Result : never;
