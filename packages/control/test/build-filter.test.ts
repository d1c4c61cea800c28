import { describe, expect, it } from "vitest";
import { filterTexts } from "../src/history/build-filter.ts";

describe("filterTexts", () => {
  it("joins conditions by commas, and keeps what the caller wrote himself", () => {
    const startedAfter = Date.UTC(2026, 0, 2, 3, 4, 5);
    expect(
      filterTexts([{ ref: "a", status: "error" }, { startedAfter, longerThanMs: 1500 }, "ref==b"]),
    ).toEqual(["ref==a,status==error", "startedAt>2026-01-02T03:04:05.000Z,duration>1500ms", "ref==b"]);
    expect(filterTexts()).toEqual([]);
  });

  it("quotes a value that would end the field", () => {
    expect(filterTexts([{ repository: 'a,"b' }])).toEqual(['"repository==a,""b"']);
  });
});
