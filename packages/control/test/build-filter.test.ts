import { describe, expect, it } from "vitest";
import { recordTest } from "../src/history/build-filter.ts";
import type { BuildRecord } from "../src/history/build-record.ts";

const record: BuildRecord = {
  ref: "a",
  frontend: "",
  frontendAttrs: {},
  exporters: [],
  created: 1000,
  completed: 3000,
  results: new Map(),
  pinned: false,
  generation: 1,
  steps: { total: 1, cached: 0, completed: 1 },
  warnings: 0,
};
const { completed: _, ...running } = record;

const meetsOne = (filters: Parameters<typeof recordTest>[0], of: BuildRecord) => recordTest(filters)(of);

describe("recordTest", () => {
  it("needs every condition of one of the filters; none is no condition", () => {
    expect(meetsOne([], record)).toBe(true);
    expect(meetsOne([{}], record)).toBe(true);
    expect(meetsOne([{ ref: "a", longerThanMs: 1999 }], record)).toBe(true);
    expect(meetsOne([{ ref: "a", longerThanMs: 2000 }], record)).toBe(false);
    expect(meetsOne([{ ref: "b" }, { startedBefore: 1001 }], record)).toBe(true);
    expect(
      meetsOne([{ startedAfter: 1000 }, { completedAfter: 3000 }, { shorterThanMs: 2000 }], record),
    ).toBe(false);
  });

  it("tells how a build ended, and knows no end of one that runs", () => {
    expect(meetsOne([{ status: "completed" }], record)).toBe(true);
    expect(meetsOne([{ status: "error" }], { ...record, error: "no such file" })).toBe(true);
    expect(meetsOne([{ status: "canceled" }], { ...record, error: "rpc: context canceled" })).toBe(true);
    expect(meetsOne([{ status: "running" }], running)).toBe(true);
    expect(meetsOne([{ completedBefore: 9e12 }, { shorterThanMs: 9e12 }], running)).toBe(false);
  });
});

describe("a filter in BuildKit's words", () => {
  const of = (text: string, one: BuildRecord = record) => recordTest([text])(one);

  it("compares texts", () => {
    expect(of("ref==a,status==completed")).toBe(true);
    expect(of("ref!=a")).toBe(false);
    expect(of('ref~="^[ab]$"')).toBe(true);
    expect(of("status==running", running)).toBe(true);
    const fromGit = { ...record, frontendAttrs: { context: "https://example.com/a.git#main:folder" } };
    expect(of("repository==https://example.com/a.git", fromGit)).toBe(true);
    expect(of("repository==https://example.com/a.git")).toBe(false);
  });

  it("compares times, also by how long ago, and durations", () => {
    expect(of("startedAt>=1970-01-01T00:00:01Z,completedAt<1970-01-01T00:00:04Z")).toBe(true);
    expect(of("startedAt>1h30m")).toBe(false);
    expect(of("startedAt>1h30m", { ...record, created: Date.now() - 3_600_000 })).toBe(true);
    expect(of("duration>1.5s,duration<=2000ms")).toBe(true);
    expect(of("duration<9h", running)).toBe(false);
  });

  it.each([
    ["status=error", "is no condition"],
    ["size==1", "there is no key size"],
    ["ref>1", "compares times and durations"],
    ["duration==1s", "not =="],
    ["duration>1d", "no duration"],
    ["startedAt>yesterday", "neither a time"],
    ["ref~=(", "no regular expression"],
  ])("that is none (%s) is refused", (text, problem) => {
    expect(() => recordTest([text])).toThrow(problem);
    expect(() => recordTest([text])).toThrow(text);
  });
});
