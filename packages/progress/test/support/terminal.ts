import { PassThrough } from "node:stream";
import type { OutputStream } from "@buildkit-node/progress";
import xterm from "@xterm/headless";

/** A terminal's end of a display: keeps each write with its time, and shows what a terminal would. */
export class TestTerminal {
  readonly stream: OutputStream & { columns: number; rows: number };
  readonly writes: {
    readonly at: number;
    readonly text: string;
    readonly columns: number;
    readonly rows: number;
  }[] = [];

  constructor(columns: number, rows: number) {
    this.stream = Object.assign(new PassThrough(), { isTTY: true, columns, rows });
    const begun = performance.now();
    this.stream.on("data", (chunk: Buffer) => {
      const { columns, rows } = this.stream;
      this.writes.push({ at: performance.now() - begun, text: chunk.toString(), columns, rows });
    });
  }

  resize(columns: number, rows: number): void {
    Object.assign(this.stream, { columns, rows });
    this.stream.emit("resize");
  }

  /** What stands on the screen, and what has scrolled off it, at a moment (default: at the end). */
  async text(
    untilMs = Number.POSITIVE_INFINITY,
  ): Promise<{ lines: string[]; wrapped: number; cursorHidden: boolean }> {
    const [first] = this.writes;
    const terminal = new xterm.Terminal({
      cols: first?.columns ?? 80,
      rows: first?.rows ?? 24,
      scrollback: 100_000,
      convertEol: true,
      allowProposedApi: true,
    });
    for (const { at, text, columns, rows } of this.writes) {
      if (at > untilMs) break;
      if (columns !== terminal.cols || rows !== terminal.rows) terminal.resize(columns, rows);
      await new Promise<void>((resolve) => terminal.write(text, resolve));
    }
    const buffer = terminal.buffer.active;
    const lines: string[] = [];
    let wrapped = 0;
    for (let row = 0; row < buffer.length; row++) {
      const line = buffer.getLine(row);
      lines.push(line?.translateToString(true) ?? "");
      if (line?.isWrapped === true) wrapped++;
    }
    while (lines.at(-1) === "") lines.pop();
    const cursorHidden = this.writes.some(
      ({ text }) => text.lastIndexOf("\u001b[?25l") > text.lastIndexOf("\u001b[?25h"),
    );
    terminal.dispose();
    return { lines, wrapped, cursorHidden };
  }
}
