import { describe, expect, it } from "vitest";
import { meetsOne } from "../src/history/build-filter.ts";
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

describe("meetsOne", () => {
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
