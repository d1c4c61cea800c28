/**
 * Calls a drawing function some time after it has been asked to, so that what happens in between is drawn at once: a
 * step that is done after a few milliseconds never shows as running.
 */
export class Pace {
  readonly #intervalMs: number;
  readonly #draw: () => void;
  #dueAt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(intervalMs: number, draw: () => void) {
    this.#intervalMs = intervalMs;
    this.#draw = draw;
  }

  /**
   * Draws when the interval has passed since the first request, also while requests keep the event loop busy. The timer
   * keeps no process alive: what is still to be drawn then is drawn at the end of the build.
   */
  request(): void {
    const now = performance.now();
    if (this.#timer === undefined) {
      this.#dueAt = now + this.#intervalMs;
      this.#timer = setTimeout(() => this.drawNow(), this.#intervalMs);
      this.#timer.unref();
    } else if (now >= this.#dueAt) {
      this.drawNow();
    }
  }

  /** Draws when the interval has passed from now on. */
  restart(): void {
    this.cancel();
    this.request();
  }

  drawNow(): void {
    this.cancel();
    this.#draw();
  }

  /** Forgets a request. */
  cancel(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
