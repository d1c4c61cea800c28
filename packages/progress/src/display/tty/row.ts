import type { ColorRole, Paint } from "../../text/colors.ts";
import { displayWidth, fit, padEnd } from "../../text/width.ts";
import type { ScreenLine } from "./screen.ts";

/** One line of a drawing before it is known how wide the terminal is. */
export interface Row {
  readonly indent: string;
  readonly text: string;
  /** Said at the right, in the first wording that leaves the text enough room. */
  readonly details?: readonly string[];
  /** Said at the very right. */
  readonly time?: string;
  readonly color?: ColorRole | undefined;
}

/** Columns that a text keeps before details take room from it. */
const TEXT_ROOM = 24;

/** Below this many columns there are no times. */
const TIME_FROM = 20;

/** The row in at most `columns` columns. */
export function layoutRow(row: Row, columns: number, paint: Paint): ScreenLine {
  const time = columns >= TIME_FROM && row.time !== undefined ? ` ${row.time}` : "";
  const room = columns - displayWidth(row.indent) - time.length;
  const enough = Math.min(displayWidth(row.text), TEXT_ROOM);
  const details = row.details?.find((wording) => room - wording.length - 1 >= enough) ?? "";
  const right = `${details === "" ? "" : ` ${details}`}${time}`;
  const left = fit(row.text, room - (right.length - time.length));
  const padded = right === "" ? row.indent + left : padEnd(row.indent + left, columns - right.length) + right;
  return { text: paint(row.color, padded), width: displayWidth(padded) };
}
