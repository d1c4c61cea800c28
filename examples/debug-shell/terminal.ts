import type { Readable, Writable } from "node:stream";
import type { TerminalSize } from "buildkit-node";

/** A terminal that somebody sits at. */
export interface Terminal {
  readonly input: Readable;
  readonly output: Writable;
  size(): TerminalSize;
  /** Takes the terminal over, until what is returned is disposed of. */
  take(onResize: (size: TerminalSize) => void): Disposable;
}

/** The terminal of this process. While it is taken, every key goes to the shell: Ctrl-C, too. */
export function processTerminal(): Terminal {
  const { stdin, stdout } = process;
  const size = () => ({ rows: stdout.rows ?? 24, columns: stdout.columns ?? 80 });
  return {
    input: stdin,
    output: stdout,
    size,
    take(onResize) {
      stdin.setRawMode?.(true);
      const resized = () => onResize(size());
      stdout.on("resize", resized);
      return {
        [Symbol.dispose]() {
          stdout.off("resize", resized);
          stdin.setRawMode?.(false);
          stdin.pause();
        },
      };
    },
  };
}
