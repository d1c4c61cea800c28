import { StringDecoder } from "node:string_decoder";
import { hasControls, terminalLine } from "../text/terminal-line.ts";

/** A line longer than this many UTF-16 units goes on in a line of its own. */
export const MAX_LINE_LENGTH = 65_536;

/**
 * Makes lines of one stream's bytes. What the lines are depends on the bytes alone, not on how they were cut into
 * chunks. Bytes that are not UTF-8 become U+FFFD; see {@link terminalLine} for control characters.
 */
export class LineAssembler {
  readonly #decoder = new StringDecoder("utf8");
  #open = "";
  #openHasControls = false;
  #style = "";

  /** Takes a chunk and calls `emit` with each line that it completes. */
  write(data: Uint8Array, emit: (text: string) => void): void {
    const text = this.#decoder.write(data);
    const controls = this.#style !== "" || hasControls(text);
    let position = 0;
    for (;;) {
      const feed = text.indexOf("\n", position);
      const end = feed === -1 ? text.length : feed;
      position = this.#append(text, position, end, controls, emit);
      if (feed === -1) return;
      this.#finish(emit);
      position = feed + 1;
    }
  }

  /** Ends an open line, if there is one. */
  flush(emit: (text: string) => void): void {
    const rest = this.#decoder.end();
    if (rest !== "") this.#append(rest, 0, rest.length, false, emit);
    if (this.#open !== "") this.#finish(emit);
  }

  /** True while the last line has not ended. */
  get isOpen(): boolean {
    return this.#open !== "";
  }

  /** The open line as it would be shown now; empty when there is none. */
  get open(): string {
    return this.#openHasControls || this.#style !== ""
      ? terminalLine(this.#open, this.#style).text
      : this.#open;
  }

  /** Adds `text` from `start` to `end` to the open line, which is cut wherever it reaches the limit. */
  #append(text: string, start: number, end: number, controls: boolean, emit: (text: string) => void): number {
    if (start === end) return end;
    this.#openHasControls ||= controls;
    let position = start;
    while (this.#open.length + (end - position) >= MAX_LINE_LENGTH) {
      let cut = position + (MAX_LINE_LENGTH - this.#open.length);
      if (isHighSurrogate(text.charCodeAt(cut - 1))) cut--;
      this.#open += text.slice(position, cut);
      position = cut;
      this.#overflow(emit);
    }
    this.#open += text.slice(position, end);
    return end;
  }

  /** A full line: of one that is being rewritten (a progress bar) the last version goes on, any other ends here. */
  #overflow(emit: (text: string) => void): void {
    const rewritten = this.#open.lastIndexOf("\r");
    if (rewritten <= 0) {
      this.#finish(emit);
      return;
    }
    this.#style = terminalLine(this.#open.slice(0, rewritten), this.#style).style;
    this.#open = this.#open.slice(rewritten);
  }

  #finish(emit: (text: string) => void): void {
    let text = this.#open;
    if (this.#openHasControls || this.#style !== "") {
      const line = terminalLine(text.replace(/\r+$/, ""), this.#style);
      text = line.text;
      this.#style = line.style;
    }
    this.#open = "";
    this.#openHasControls = false;
    emit(text);
  }
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}
