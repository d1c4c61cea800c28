import { abortable, type BuildEvent, onAbort } from "@buildkit-node/core";
import type { Connection } from "@buildkit-node/transport";
import { buildEvents } from "../status/build-events.ts";
import { followBuild } from "../status/follow-build.ts";

/** A build once the daemon has been asked for it. */
export interface RunningSolve {
  readonly connection: Connection;
  /** Settles with the build's end on the daemon. */
  readonly solve: Promise<unknown>;
}

/** The work behind a build: it settles when everything is torn down. */
export type BuildWork<Result> = (
  signal: AbortSignal,
  onStarted: (running: RunningSolve) => void,
) => Promise<Result>;

/**
 * A build that runs. It is not a promise, so that an async function can return it; `result` is.
 *
 * `result`, `events()`, both or neither may be used: a failure that nobody looks at ends no process.
 */
export class Build<Result> implements AsyncDisposable {
  /** The build's reference: its name on the daemon, also in the history of builds. */
  readonly ref: string;
  /**
   * The build's result. Rejects with a `SolveError` when it fails on the daemon, and within a second with the reason
   * when it is canceled; teardown may go on for some seconds after that.
   */
  readonly result: Promise<Result>;
  readonly #abort = new AbortController();
  readonly #started: Promise<RunningSolve | undefined>;
  readonly #settled: Promise<void>;

  constructor(ref: string, work: BuildWork<Result>, signal: AbortSignal | undefined) {
    this.ref = ref;
    const forwarding = onAbort(signal, (reason) => this.#abort.abort(reason));
    let started: (running: RunningSolve | undefined) => void = () => {};
    this.#started = new Promise((resolve) => {
      started = resolve;
    });
    const working = work(this.#abort.signal, (running) => started(running));
    this.#settled = working.then(
      () => {},
      () => {},
    );
    void this.#settled.then(() => {
      forwarding[Symbol.dispose]();
      started(undefined);
    });
    this.result = abortable(working, this.#abort.signal);
    this.result.catch(() => {});
  }

  /**
   * What happens in the build, from its start to its end. Each reader has a stream of its own from the daemon, which
   * keeps what the reader has not yet taken: a slow one loses nothing and holds up nobody. Leaving the loop does not
   * cancel the build. The events end with the build whether or not it fails; `result` tells which.
   *
   * Of a build that is over, events are told again from the history (BuildKit 0.11, and not for internal builds).
   */
  async *events(
    options: { readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<BuildEvent, void, undefined> {
    const running = await abortable(this.#started, options.signal);
    if (running === undefined) return;
    const updates = followBuild(running.connection, this.ref, running.solve, options.signal);
    yield* buildEvents(updates);
  }

  /** Cancels the build, on the daemon too; resolves when everything is torn down. Does nothing to one that is over. */
  async cancel(reason?: unknown): Promise<void> {
    this.#abort.abort(reason ?? new DOMException(`the build ${this.ref} was canceled`, "AbortError"));
    await this.#settled;
  }

  /** Resolves, never rejects, when the build is over and everything of it is torn down. */
  settled(): Promise<void> {
    return this.#settled;
  }

  /** Leaving the scope cancels a build that still runs. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.cancel();
  }
}
