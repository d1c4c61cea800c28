import { formatSource, hasSources, type SourceLocation } from "@buildkit-node/core";
import { describe, expect, test } from "vitest";

const DOCKERFILE = [
  "FROM alpine",
  "RUN one",
  "RUN two \\",
  "    three",
  "COPY a b",
  "RUN four",
  "CMD five",
].join("\n");

function lines(text: string, ...ranges: [number, number][]): SourceLocation {
  return {
    source: { filename: "Dockerfile", language: "Dockerfile", data: new TextEncoder().encode(text) },
    ranges: ranges.map(([start, end]) => ({
      start: { line: start, character: 0 },
      end: { line: end, character: 0 },
    })),
  };
}

describe("formatSource", () => {
  test("marks one line, with two lines around it", () => {
    expect(formatSource(lines(DOCKERFILE, [5, 5]))).toEqual([
      "Dockerfile:5",
      "--------------------",
      "   3 |     RUN two \\",
      "   4 |         three",
      "   5 | >>> COPY a b",
      "   6 |     RUN four",
      "   7 |     CMD five",
      "--------------------",
    ]);
  });

  test("marks several lines, with one line around them", () => {
    expect(formatSource(lines(DOCKERFILE, [3, 4])).slice(2, -1)).toEqual([
      "   2 |     RUN one",
      "   3 | >>> RUN two \\",
      "   4 | >>>     three",
      "   5 |     COPY a b",
    ]);
  });

  test("takes a range without an end for its first line", () => {
    expect(formatSource(lines(DOCKERFILE, [1, 0])).filter((line) => line.includes(">>>"))).toEqual([
      "   1 | >>> FROM alpine",
    ]);
  });

  test.each([[[]], [[[0, 0]]], [[[8, 9]]], [[[Number.NaN, 3]]]] as [number, number][][][])(
    "has nothing to show for %j",
    (ranges) => {
      expect(formatSource(lines(DOCKERFILE, ...ranges))).toEqual([]);
    },
  );

  test("is bounded in lines and columns, and drops control characters", () => {
    const excerpt = formatSource(
      lines(`\u001b]0;title\u0007${"x".repeat(10_000)}\n`.repeat(1000), [1, 1000]),
    );
    expect(excerpt.length).toBeLessThan(60);
    expect(Math.max(...excerpt.map((line) => line.length))).toBeLessThan(600);
    expect(excerpt.join("")).not.toMatch(/[\u001b\u0007]/);
  });
});

test("hasSources tells errors with sources from everything else", () => {
  expect(hasSources(Object.assign(new Error("x"), { sources: [] }))).toBe(true);
  for (const other of [undefined, null, "sources", 1, new Error("x"), { sources: 3 }]) {
    expect(hasSources(other)).toBe(false);
  }
});
