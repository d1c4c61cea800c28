import { BuildkitError, type ErrorSource, type Range } from "@buildkit-node/core";

/** Something in a source file that a frontend cannot build: its user sees the file with the lines marked. */
export class SourceError extends BuildkitError {
  override readonly name: string = "SourceError";
  /** Where it is wrong, innermost first. */
  readonly sources: readonly ErrorSource[];

  constructor(message: string, sources: readonly ErrorSource[], options?: { readonly cause?: unknown }) {
    super("ERR_BUILDKIT_FRONTEND", message, options);
    this.sources = sources;
  }
}

/** Whether an error says where in which source file it arose: a `SourceError`, a `SolveError`, or one like them. */
export function sourcesOf(thrown: unknown): readonly ErrorSource[] {
  if (!(thrown instanceof Error) || !("sources" in thrown) || !Array.isArray(thrown.sources)) return [];
  return thrown.sources.filter(isSource);
}

function isSource(value: unknown): value is ErrorSource {
  if (typeof value !== "object" || value === null) return false;
  const { filename, data, ranges } = value as { readonly [K in keyof ErrorSource]?: unknown };
  return (
    typeof filename === "string" &&
    data instanceof Uint8Array &&
    Array.isArray(ranges) &&
    ranges.every(isRange)
  );
}

function isRange(value: unknown): value is Range {
  const at = (place: unknown) =>
    typeof place === "object" && place !== null && "line" in place && typeof place.line === "number";
  return (
    typeof value === "object" &&
    value !== null &&
    "start" in value &&
    "end" in value &&
    at(value.start) &&
    at(value.end)
  );
}
