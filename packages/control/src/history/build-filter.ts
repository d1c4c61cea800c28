import type { Timestamp } from "@buildkit-node/core";

/** Which builds; one must meet all of the conditions. */
export interface BuildFilter {
  readonly ref?: string;
  readonly status?: "running" | "completed" | "error" | "canceled";
  /** The repository that a build's context came from. */
  readonly repository?: string;
  readonly startedAfter?: Timestamp;
  readonly startedBefore?: Timestamp;
  readonly completedAfter?: Timestamp;
  readonly completedBefore?: Timestamp;
  readonly longerThanMs?: number;
  readonly shorterThanMs?: number;
}

/** The filters in the daemon's words: commas join conditions, several texts are alternatives. */
export function filterTexts(filters: readonly (BuildFilter | string)[] = []): string[] {
  return filters.map((filter) =>
    typeof filter === "string" ? filter : conditions(filter).map(quoted).join(","),
  );
}

/** The daemon reads the conditions as the fields of a line of CSV. */
function quoted(condition: string): string {
  return /[",\n]/.test(condition) ? `"${condition.replaceAll('"', '""')}"` : condition;
}

function conditions(filter: BuildFilter): readonly string[] {
  const equal = (["ref", "status", "repository"] as const).flatMap((field) => {
    const value = filter[field];
    return value === undefined ? [] : [`${field}==${value}`];
  });
  return [
    ...equal,
    ...moment("startedAt>", filter.startedAfter),
    ...moment("startedAt<", filter.startedBefore),
    ...moment("completedAt>", filter.completedAfter),
    ...moment("completedAt<", filter.completedBefore),
    ...span("duration>", filter.longerThanMs),
    ...span("duration<", filter.shorterThanMs),
  ];
}

function moment(condition: string, at: Timestamp | undefined): readonly string[] {
  return at === undefined ? [] : [`${condition}${new Date(at).toISOString()}`];
}

function span(condition: string, ms: number | undefined): readonly string[] {
  return ms === undefined ? [] : [`${condition}${ms}ms`];
}
