import type { Timestamp } from "@buildkit-node/core";

/** One line of a step's output. */
export interface LogLine {
  readonly stream: "stdout" | "stderr";
  /** When the line's first bytes came. */
  readonly timestamp: Timestamp;
  /** Seconds from the step's start to then. */
  readonly seconds: number;
  /** The line without its line feed; colour sequences are the only controls that it can hold. */
  readonly text: string;
}

/** The last lines of a step, as many as fit. */
export class LogTail {
  #lines: LogLine[] = [];
  #first = 0;
  #length = 0;
  #total = 0;

  /** The lines still held, oldest first. */
  get lines(): readonly LogLine[] {
    return this.#first === 0 ? this.#lines : this.#lines.slice(this.#first);
  }

  /** Lines ever added. */
  get total(): number {
    return this.#total;
  }

  /** The last `count` lines held, oldest first. */
  last(count: number): readonly LogLine[] {
    return this.#lines.slice(Math.max(this.#first, this.#lines.length - count));
  }

  add(line: LogLine): void {
    this.#lines.push(line);
    this.#length += line.text.length;
    this.#total++;
  }

  /** Forgets the oldest lines beyond `maxLines`, or beyond `maxLength` UTF-16 units; the last line stays. */
  trim(maxLines: number, maxLength: number): void {
    const end = this.#lines.length - 1;
    while (this.#first < end && (this.#lines.length - this.#first > maxLines || this.#length > maxLength)) {
      this.#length -= this.#lines[this.#first]?.text.length ?? 0;
      this.#first++;
    }
    if (this.#first < 1024 && this.#first < this.#lines.length / 2) return;
    this.#lines = this.#lines.slice(this.#first);
    this.#first = 0;
  }
}
