import type { Timestamp } from "@buildkit-node/core";
import { checkList } from "../check-list.ts";
import type { BuildRecord } from "./build-record.ts";
import { type BuildStatus, statusOf } from "./build-status.ts";
import { parseBuildFilter, type RecordTest } from "./parse-build-filter.ts";

/** Which builds; one must meet all of the conditions. Times are the daemon's. */
export interface BuildFilter {
  readonly ref?: string;
  readonly status?: BuildStatus;
  readonly startedAfter?: Timestamp;
  readonly startedBefore?: Timestamp;
  /** A build that runs meets no condition on its end. */
  readonly completedAfter?: Timestamp;
  readonly completedBefore?: Timestamp;
  /** Durations are of builds that are over. */
  readonly longerThanMs?: number;
  readonly shorterThanMs?: number;
}

/**
 * A test whether a record meets one of the filters, or there is none.
 *
 * This is decided here and not by the daemon: from BuildKit 0.20 on it takes filters and a limit, and dies of them while
 * a record that was deleted is still to be removed.
 *
 * @throws {InvalidArgumentError} for a text that is no filter
 */
export function recordTest(filters: readonly (BuildFilter | string)[]): RecordTest {
  checkList("filters", filters);
  const tests = filters.map((filter): RecordTest => {
    return typeof filter === "string" ? parseBuildFilter(filter) : (record) => meets(filter, record);
  });
  return (record) => tests.length === 0 || tests.some((test) => test(record));
}

function meets(filter: BuildFilter, record: BuildRecord): boolean {
  const { created, completed } = record;
  const durationMs = created === undefined || completed === undefined ? undefined : completed - created;
  return (
    (filter.ref === undefined || filter.ref === record.ref) &&
    (filter.status === undefined || filter.status === statusOf(record)) &&
    isAbove(created, filter.startedAfter) &&
    isBelow(created, filter.startedBefore) &&
    isAbove(completed, filter.completedAfter) &&
    isBelow(completed, filter.completedBefore) &&
    isAbove(durationMs, filter.longerThanMs) &&
    isBelow(durationMs, filter.shorterThanMs)
  );
}

function isAbove(value: number | undefined, bound: number | undefined): boolean {
  return bound === undefined || (value !== undefined && value > bound);
}

function isBelow(value: number | undefined, bound: number | undefined): boolean {
  return bound === undefined || (value !== undefined && value < bound);
}
