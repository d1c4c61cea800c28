import { eastAsianWidth } from "get-east-asian-width";

const ASCII = /^[\u0020-\u007e]*$/;

/** Graphemes that terminals draw as pictures, two columns wide. */
const PICTURE = /^(?:\p{Emoji_Presentation}|\p{Emoji}\ufe0f|\p{Regional_Indicator}{2}|[0-9#*]\ufe0f?\u20e3)/u;

/** Graphemes that take no column of their own. */
const INVISIBLE = /^[\p{Mark}\p{Default_Ignorable_Code_Point}\p{Control}]+$/u;

/** Characters that turn the direction of all text after them, of this line and of what stands right of it. */
const DIRECTIONS = /[\u200e\u200f\u202a-\u202e\u2066-\u2069\u061c]/g;

const TAB = 8;

let segmenter: Intl.Segmenter | undefined;

/** Columns that a terminal takes to show `text`, which holds no control characters. */
export function displayWidth(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const grapheme of graphemes(text)) width += graphemeWidth(grapheme);
  return width;
}

/** Plain text that takes at most `width` columns; what is cut off leaves an ellipsis. */
export function fit(text: string, width: number): string {
  if (ASCII.test(text) && text.length <= width) return text;
  const clean = untab(text.replace(DIRECTIONS, ""));
  // No column shows more than this: it spares the work on lines that are huge.
  const head = clean.slice(0, 16 * (width + 1));
  if (head === clean && displayWidth(clean) <= width) return clean;
  if (width <= 0) return "";
  let cut = "";
  let used = 1;
  for (const grapheme of graphemes(head)) {
    used += graphemeWidth(grapheme);
    if (used > width) break;
    cut += grapheme;
  }
  return `${cut}…`;
}

/** `text` followed by spaces up to `width` columns. */
export function padEnd(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - displayWidth(text)));
}

function* graphemes(text: string): Iterable<string> {
  segmenter ??= new Intl.Segmenter("en", { granularity: "grapheme" });
  for (const { segment } of segmenter.segment(text)) yield segment;
}

function graphemeWidth(grapheme: string): number {
  const first = grapheme.codePointAt(0) ?? 0;
  if (grapheme.length === 1 && first < 0x300) return 1;
  if (INVISIBLE.test(grapheme)) return 0;
  return PICTURE.test(grapheme) ? 2 : eastAsianWidth(first);
}

function untab(text: string): string {
  if (!text.includes("\t")) return text;
  let spaced = "";
  for (const part of text.split(/(\t)/))
    spaced += part === "\t" ? " ".repeat(TAB - (spaced.length % TAB)) : part;
  return spaced;
}
