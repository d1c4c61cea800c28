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

/** Receives one build's status. What it throws ends the display, and not the build: nothing more is shown. */
export interface ProgressSink {
  /** A promise asks the caller to hold further updates back until it resolves: what is written to takes no more. */
  update(update: StatusUpdate): void | Promise<void>;
  /** The build is over; resolves when the last of it has been written. */
  end(outcome: { readonly error?: unknown }): Promise<void>;
}
