import { setImmediate as immediate } from "node:timers/promises";

/**
 * How long work that does not wait may go on before others run: long enough for thousands of system calls, and far too
 * short for a daemon to miss the answer to a health check.
 */
const turnMs = 10;

/** One turn of work on the event loop. */
export class Turn {
  #end: number = performance.now() + turnMs;

  /** True when it is time to let others run. */
  get over(): boolean {
    return performance.now() >= this.#end;
  }

  /** Lets others run, then begins a new turn. */
  async next(): Promise<void> {
    await immediate();
    this.#end = performance.now() + turnMs;
  }
}
