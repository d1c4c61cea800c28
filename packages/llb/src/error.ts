import { BuildkitError } from "@buildkit-node/core";
import { framesOf, type Place } from "./place.ts";

/** Why a graph or definition was refused. Reasons are stable. */
export type LlbErrorReason =
  /** An image reference cannot be read, or does not suit the kind of source. */
  | "reference"
  /** A content digest cannot be read. */
  | "digest"
  /** A platform cannot be read. */
  | "platform"
  /** A source has no identifier, or its options contradict each other. */
  | "source"
  /** A Git address cannot be read. */
  | "git-url"
  /** A command has no arguments. */
  | "args"
  /** A command line has an open quote or ends in a backslash. */
  | "command-line"
  /** A mount cannot be made as asked. */
  | "mount"
  /** Two mounts have the same target. */
  | "mount-target"
  /** A secret or SSH socket cannot be mounted as asked. */
  | "secret"
  /** A setting such as an address, a limit or a mode is out of range. */
  | "setting"
  /** A file action cannot be carried out as asked. */
  | "file-action"
  /** A merge, diff, build or passthrough lacks an input, an output or an id. */
  | "inputs"
  /** An image config is not JSON of the right form. */
  | "image-config"
  /** A definition cannot be read, or does not hang together. */
  | "definition"
  /** The JSON of a graph cannot be read. */
  | "json"
  /** A text has no UTF-8 form. */
  | "text"
  /** The state waits for something: pass it through `resolve` first. */
  | "unresolved"
  /** What a state waits for could not be had. */
  | "resolve";

/** What an error tells beside its message. */
export interface LlbErrorDetails {
  readonly reason: LlbErrorReason;
  /** The value that was refused. */
  readonly value: unknown;
  /** Where the caller wrote it. */
  readonly place?: Place;
  readonly cause?: unknown;
}

/** A graph or definition is not valid. Says why, on what value, and where the caller wrote it. */
export class LlbError extends BuildkitError {
  override readonly name: string = "LlbError";
  readonly reason: LlbErrorReason;
  /** The value that was refused. */
  readonly value: unknown;
  /** Where the caller wrote it, innermost frame first; empty when that is not known. */
  readonly callSite: readonly string[];

  constructor(message: string, details: LlbErrorDetails) {
    const frames = framesOf(details.place);
    super(
      "ERR_BUILDKIT_LLB",
      frames[0] === undefined ? message : `${message} (at ${frames[0]})`,
      details.cause === undefined ? undefined : { cause: details.cause },
    );
    this.reason = details.reason;
    this.value = details.value;
    this.callSite = frames;
  }
}

/** A value as an error message shows it: short, and quoted where it is a text. */
export function shown(value: unknown): string {
  const text = typeof value === "bigint" ? value.toString() : (JSON.stringify(value) ?? String(value));
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
