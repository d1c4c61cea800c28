/**
 * Characters that could make a terminal do something: C0 without tab and line feed, DEL, and C1, which some
 * terminals take for escape sequences of one byte.
 */
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/;

/** Columns beyond which the cursor of a line does not go, whatever a program's output asks for. */
const MAX_COLUMN = 4096;

/** Colours that are remembered at a time, in characters of their sequences. */
const MAX_STYLE = 128;

const RESET = "\u001b[0m";

/** True if `text` holds anything that {@link terminalLine} would act on or drop. */
export function hasControls(text: string): boolean {
  return CONTROL.test(text);
}

/** One line as a terminal would show it. */
export interface TerminalLine {
  /** Text with colour sequences as its only controls, ended by a reset where one is needed. */
  readonly text: string;
  /** The colours still on at the end, as sequences; the next line starts with them. */
  readonly style: string;
}

/**
 * What a terminal shows after a program wrote `raw`, which holds no line feed: carriage returns, backspaces, moves
 * within the line and erasing are carried out, colours are kept, and all else that could move the cursor, change the
 * terminal's state or set its title is dropped.
 */
export function terminalLine(raw: string, style = ""): TerminalLine {
  if (style === "" && !hasControls(raw)) return { text: raw, style };
  const line = new LineScreen(style);
  let position = 0;
  for (const match of raw.matchAll(TOKEN)) {
    line.put(raw.slice(position, match.index));
    line.control(match[0]);
    position = match.index + match[0].length;
  }
  line.put(raw.slice(position));
  return { text: line.text(), style: line.style };
}

/** `text` as one line without any controls or colours. */
export function plainText(text: string): string {
  if (!CONTROL.test(text) && !/[\n\t]/.test(text)) return text;
  return text.replace(TOKEN, "").replace(/[\n\t]+/g, " ");
}

/** `text` with its line breaks and colours, and nothing else that a terminal would act on. */
export function plainLines(text: string): string[] {
  return text
    .split(/\r?\n/)
    .map((line) =>
      CONTROL.test(line) ? line.replace(TOKEN, (token) => (isColour(token) ? token : "")) : line,
    );
}

/** `text` without its colour sequences. */
export function stripColours(text: string): string {
  return text.includes("\u001b") ? text.replace(/\u001b\[[0-9;:]*m/g, "") : text;
}

// A control sequence (CSI), a string sequence with its terminator (OSC, DCS, SOS, PM, APC), any other escape
// sequence, or a single control. A sequence that is cut off is matched as far as it goes.
const TOKEN =
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]?|(?:\u001b[\]PX^_]|[\u0090\u0098\u009d\u009e\u009f])[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c)?|\u001b[ -/]*[0-~]?|[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

function isColour(token: string): boolean {
  return /^\u001b\[[0-9;:]*m$/.test(token);
}

/** The cells of one line, each a character with the colours that it was written in. */
class LineScreen {
  readonly #cells: string[] = [];
  readonly #styles: string[] = [];
  #column = 0;
  style: string;

  constructor(style: string) {
    this.style = style;
  }

  put(text: string): void {
    for (const character of text) {
      while (this.#cells.length < this.#column) this.#set(this.#cells.length, " ", "");
      this.#set(this.#column++, character, this.style);
    }
  }

  control(token: string): void {
    if (token === "\r") this.#column = 0;
    else if (token === "\b") this.#column = Math.max(0, this.#column - 1);
    else if (isColour(token)) this.#colour(token);
    else if (token.startsWith("\u001b[") || token.startsWith("\u009b")) this.#sequence(token);
  }

  text(): string {
    let text = "";
    let current = "";
    for (const [column, cell] of this.#cells.entries()) {
      const style = this.#styles[column] ?? "";
      if (style !== current) {
        text += (current === "" ? "" : RESET) + style;
        current = style;
      }
      text += cell;
    }
    return current === "" ? text : text + RESET;
  }

  #sequence(token: string): void {
    const parameter = /\d+/.exec(token)?.[0];
    const count = Math.min(parameter === undefined ? 1 : Number(parameter), MAX_COLUMN);
    const final = token.at(-1);
    if (final === "C")
      this.#column = Math.max(this.#column, Math.min(this.#column + Math.max(1, count), MAX_COLUMN));
    else if (final === "D") this.#column = Math.max(0, this.#column - Math.max(1, count));
    else if (final === "G") this.#column = Math.max(0, count - 1);
    else if (final === "K") this.#erase(parameter ?? "0");
  }

  #erase(extent: string): void {
    if (extent === "0") this.#truncate(this.#column);
    else if (extent === "2") this.#truncate(0);
    else if (extent === "1") {
      for (let column = 0; column <= Math.min(this.#column, this.#cells.length - 1); column++) {
        this.#cells[column] = " ";
        this.#styles[column] = "";
      }
    }
  }

  #truncate(length: number): void {
    if (length >= this.#cells.length) return;
    this.#cells.length = length;
    this.#styles.length = length;
  }

  #set(column: number, character: string, style: string): void {
    this.#cells[column] = character;
    this.#styles[column] = style;
  }

  #colour(token: string): void {
    const body = token.slice(2, -1);
    if (/^0*$/.test(body)) this.style = "";
    else if (/^0*;/.test(body) || this.style.length + token.length > MAX_STYLE)
      this.style = token.slice(0, MAX_STYLE);
    else this.style += token;
  }
}
