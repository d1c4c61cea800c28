/** How often the event loop is looked at. */
const intervalMs = 1000;

/** Remembers how long the event loop was held up; a daemon drops a session whose event loop does not turn. */
export class StallMonitor implements Disposable {
  #longestMs = 0;
  #expected: number = performance.now() + intervalMs;
  readonly #timer: NodeJS.Timeout;

  constructor() {
    this.#timer = setInterval(() => this.#look(), intervalMs);
    this.#timer.unref();
  }

  /** The longest time for which nothing else could run, in milliseconds, exact to about a second. */
  get longestMs(): number {
    this.#look();
    return this.#longestMs;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const now = performance.now();
    this.#longestMs = Math.max(this.#longestMs, now - this.#expected);
    this.#expected = now + intervalMs;
  }
}
