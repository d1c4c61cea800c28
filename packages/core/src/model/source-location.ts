import type { Range, SourceInfo } from "./status.ts";

/** Lines of a source file that an error or a warning is about. */
export interface SourceLocation {
  readonly source: SourceInfo;
  readonly ranges: readonly Range[];
}

/** Lines shown of one excerpt at most. */
const MAX_LINES = 50;

/** Characters shown of one line at most. */
const MAX_LENGTH = 500;

const RULE = "-".repeat(20);

/**
 * The lines that a location names, marked, with the lines around them, the way BuildKit's own tools draw them; each
 * string is one line. Empty when the location does not lie in the file. Control characters are left out.
 */
export function formatSource({ source, ranges }: SourceLocation): string[] {
  const lines = new TextDecoder().decode(source.data).split("\n");
  const first = Math.min(...ranges.map((range) => range.start.line));
  const last = Math.min(lines.length, Math.max(...ranges.map(endLine)));
  if (!(first >= 1 && first <= lines.length)) return [];
  const around = first === last ? 2 : 1;
  const from = Math.max(1, first - around);
  const to = Math.min(lines.length, last + around, from + MAX_LINES - 1);
  const excerpt = lines.slice(from - 1, to).map((text, index) => {
    const line = from + index;
    const isNamed = ranges.some((range) => range.start.line <= line && line <= endLine(range));
    return ` ${String(line).padStart(3)} | ${isNamed ? ">>>" : "   "} ${printable(text)}`;
  });
  return [`${printable(source.filename)}:${first}`, RULE, ...excerpt, RULE];
}

/** The locations that an error carries in a field `sources`, outermost first. */
export function hasSources(error: unknown): error is { readonly sources: readonly SourceLocation[] } {
  return typeof error === "object" && error !== null && "sources" in error && Array.isArray(error.sources);
}

/** Some frontends leave the end out: then the range is its first line. */
function endLine(range: Range): number {
  return Math.max(range.start.line, range.end.line);
}

function printable(text: string): string {
  const clean = text.replace(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/g, "");
  return clean.length > MAX_LENGTH ? `${clean.slice(0, MAX_LENGTH)}...` : clean;
}
