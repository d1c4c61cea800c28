import type { Range } from "./model/status.ts";

/** One line of a source file around a place that an error points at. */
export interface ExcerptLine {
  /** Counted from 1. */
  readonly number: number;
  readonly text: string;
  /** True for the lines that the error points at. */
  readonly marked: boolean;
}

/** Lines shown before and after the marked ones. */
const contextLines = 3;

/** Marked lines shown at most, the first ones: what is left of a longer run says nothing more. */
const maxMarkedLines = 40;

/** The lines that the ranges name, with some around them. Ranges outside the file give nothing. */
export function sourceExcerpt(data: Uint8Array, ranges: readonly Range[]): readonly ExcerptLine[] {
  const lines = new TextDecoder().decode(data).split("\n");
  const marked = new Set<number>();
  for (const { start, end } of ranges) {
    const last = Math.min(Math.max(start.line, end.line), lines.length);
    for (let line = Math.max(start.line, 1); line <= last; line++) marked.add(line);
  }
  const shown = new Set<number>();
  // Frontends give a step of many lines as many ranges.
  for (const line of [...marked].sort((a, b) => a - b).slice(0, maxMarkedLines)) {
    const last = Math.min(line + contextLines, lines.length);
    for (let near = Math.max(line - contextLines, 1); near <= last; near++) shown.add(near);
  }
  return [...shown]
    .sort((a, b) => a - b)
    .map((number) => ({ number, text: withoutReturn(lines[number - 1] ?? ""), marked: marked.has(number) }));
}

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}
