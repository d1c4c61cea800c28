import { InvalidArgumentError } from "@buildkit-node/core";
import type { BuildRecord } from "./build-record.ts";
import { statusOf } from "./build-status.ts";

/** Whether a record is one of those that a filter is for. */
export type RecordTest = (record: BuildRecord) => boolean;

/** `key`, operator, and a value, in quotes or up to the next comma. */
const condition = /^\s*([\w.]+)\s*(==|!=|~=|>=|<=|>|<)\s*("(?:[^"\\]|\\.)*"|[^,]*?)\s*(?:,|$)/;

/**
 * A filter in BuildKit's words: conditions joined by commas, such as `status==error,startedAt>24h`.
 *
 * - `ref`, `status` and `repository` with `==`, `!=` and `~=` (a regular expression)
 * - `startedAt` and `completedAt` with `>`, `<`, `>=` and `<=`: a time of RFC 3339, or a duration such as `1h30m` for
 *   that long ago
 * - `duration` with the same operators: how long the build took
 *
 * @throws {InvalidArgumentError} for what is not such a filter; daemons take some of that for one that matches nothing
 */
export function parseBuildFilter(text: string): RecordTest {
  const tests: RecordTest[] = [];
  let rest = text;
  while (rest.trim() !== "") {
    const found = condition.exec(rest);
    if (found === null) throw wrong(text, `${JSON.stringify(rest)} is no condition: key, operator, value`);
    const [all, key = "", operator = "", value = ""] = found;
    tests.push(testFor(text, key, operator, value.startsWith('"') ? unquoted(text, value) : value));
    rest = rest.slice(all.length);
  }
  return (record) => tests.every((test) => test(record));
}

const texts: Readonly<Record<string, (record: BuildRecord) => string | undefined>> = {
  ref: ({ ref }) => ref,
  status: statusOf,
  repository: ({ frontendAttrs }) => frontendAttrs["vcs:source"] ?? gitAddress(frontendAttrs["context"]),
};

const moments: Readonly<Record<string, (record: BuildRecord) => number | undefined>> = {
  startedAt: ({ created }) => created,
  completedAt: ({ completed }) => completed,
};

function testFor(text: string, key: string, operator: string, value: string): RecordTest {
  const read = texts[key];
  if (read !== undefined) {
    const test = textTest(text, operator, value);
    return (record) => test(read(record));
  }
  const moment = moments[key];
  if (moment !== undefined) {
    const bound = momentOf(text, value);
    return numberTest(text, operator, moment, bound);
  }
  if (key !== "duration") {
    const known = [...Object.keys(texts), ...Object.keys(moments), "duration"].join(", ");
    throw wrong(text, `there is no key ${key}; there are ${known}`);
  }
  const bound = durationMs(value);
  if (bound === undefined) throw wrong(text, `${value} is no duration such as 90s or 1h30m`);
  return numberTest(text, operator, ({ created = 0, completed }) => completed && completed - created, bound);
}

function textTest(text: string, operator: string, value: string): (actual: string | undefined) => boolean {
  switch (operator) {
    case "==":
      return (actual) => actual === value;
    case "!=":
      return (actual) => actual !== value;
    case "~=": {
      const pattern = regularExpression(text, value);
      return (actual) => actual !== undefined && pattern.test(actual);
    }
    default:
      throw wrong(text, `${operator} compares times and durations; texts have ==, != and ~=`);
  }
}

function numberTest(
  text: string,
  operator: string,
  read: (record: BuildRecord) => number | undefined,
  bound: number,
): RecordTest {
  const compare = comparisons[operator];
  if (compare === undefined) throw wrong(text, `times and durations have >, <, >= and <=, not ${operator}`);
  return (record) => {
    const value = read(record);
    return value !== undefined && compare(value, bound);
  };
}

const comparisons: Readonly<Record<string, (value: number, bound: number) => boolean>> = {
  ">": (value, bound) => value > bound,
  "<": (value, bound) => value < bound,
  ">=": (value, bound) => value >= bound,
  "<=": (value, bound) => value <= bound,
};

function momentOf(text: string, value: string): number {
  const ago = durationMs(value);
  if (ago !== undefined) return Date.now() - ago;
  const moment = /^\d{4}-\d\d-\d\dT/.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(moment)) throw wrong(text, `${value} is neither a time of RFC 3339 nor a duration`);
  return moment;
}

const unitMs: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 1e-3,
  µs: 1e-3,
  ns: 1e-6,
};

/** A duration as Go writes it, in milliseconds. */
function durationMs(value: string): number | undefined {
  if (!/^(?:\d+(?:\.\d+)?(?:ms|us|µs|ns|h|m|s))+$/.test(value)) return undefined;
  const parts = value.matchAll(/(\d+(?:\.\d+)?)(ms|us|µs|ns|h|m|s)/g);
  return [...parts].reduce((sum, [, count = "", unit = ""]) => sum + Number(count) * (unitMs[unit] ?? 0), 0);
}

function regularExpression(text: string, value: string): RegExp {
  try {
    return new RegExp(value);
  } catch (cause) {
    throw wrong(text, `${value} is no regular expression`, cause);
  }
}

function unquoted(text: string, value: string): string {
  try {
    return JSON.parse(value) as string;
  } catch (cause) {
    throw wrong(text, `${value} is not quoted as in JSON`, cause);
  }
}

/** The address of a context that is a git repository, without the branch and folder in it. */
function gitAddress(context: string | undefined): string | undefined {
  const [address = ""] = context?.split("#") ?? [];
  return /^(git|ssh):\/\/|^[\w.-]+@[\w.-]+:|\.git$/.test(address) ? address : undefined;
}

function wrong(text: string, problem: string, cause?: unknown): InvalidArgumentError {
  return new InvalidArgumentError("filters", text, `the filter ${JSON.stringify(text)}: ${problem}`, {
    cause,
  });
}
