import { displayWidth } from "../../text/width.ts";
import type { Output } from "../output.ts";

const HIDE_CURSOR = "\u001b[?25l";
const SHOW_CURSOR = "\u001b[?25h";
const ERASE_LINE = "\u001b[K";
const ERASE_BELOW = "\u001b[J";

/** A line to draw, with the columns that it takes. */
export interface ScreenLine {
  readonly text: string;
  readonly width: number;
}

/**
 * The part of a terminal below what has been printed, which is drawn anew each time. Each drawing is one write, and the
 * cursor is hidden within that write only: whenever the program ends, the terminal is as it was.
 */
export class Screen {
  readonly #output: Output;
  #drawn: readonly ScreenLine[] = [];
  #last = "";

  constructor(output: Output) {
    this.#output = output;
  }

  /** Columns and rows; 80 by 10 where the stream does not tell. */
  get size(): { readonly columns: number; readonly rows: number } {
    const { columns, rows } = this.#output.stream;
    return { columns: columns || 80, rows: rows || 10 };
  }

  /** Replaces what was drawn before by `printed`, which stays, and `live` below it. */
  draw(live: readonly ScreenLine[], printed: readonly ScreenLine[] = []): void {
    const text = [...printed, ...live].map((line) => `${line.text}${ERASE_LINE}\n`).join("");
    const up = this.#rowsDrawn();
    const frame = `${up > 0 ? `\u001b[${up}A` : ""}\r${text}${ERASE_BELOW}`;
    this.#drawn = live;
    if (frame === this.#last && printed.length === 0) return;
    this.#last = frame;
    this.#output.write(`${HIDE_CURSOR}${frame}${SHOW_CURSOR}`);
  }

  /** Rows that the last drawing takes now: a terminal that was made narrower has broken its lines. */
  #rowsDrawn(): number {
    const { columns } = this.size;
    return this.#drawn.reduce((rows, { width }) => rows + Math.max(1, Math.ceil(width / columns)), 0);
  }
}

export function screenLine(text: string): ScreenLine {
  return { text, width: displayWidth(text) };
}
