import type { StatusUpdate } from "./status.ts";

/** Draws or records builds. One display may show several builds at a time. */
export interface ProgressDisplay {
  /** A build begins. */
  attach(build: ProgressBuild): ProgressSink;
}

export interface ProgressBuild {
  /** The build's reference. */
  readonly ref: string;
  /** What the caller calls it. */
  readonly name?: string;
}

/** Receives one build's status. None of its methods may throw on what a daemon sends. */
export interface ProgressSink {
  update(update: StatusUpdate): void;
  /** The build is over; resolves when the last of it has been written. */
  end(outcome: { readonly error?: unknown }): Promise<void>;
}
