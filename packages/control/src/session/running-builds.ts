import type { Build } from "../solve/build.ts";

/** What becomes of builds that run when what they run on is closed. */
export interface CloseOptions {
  /** `abort`, the default, cancels them; `wait` lets them end. */
  readonly running?: "abort" | "wait";
}

/** The builds that run on a client or in a session. */
export class RunningBuilds {
  readonly #builds = new Set<Build<unknown>>();
  #closing: Promise<void> | undefined;

  add(build: Build<unknown>): void {
    this.#builds.add(build);
    void build.settled().then(() => this.#builds.delete(build));
  }

  /** Whether {@link close} has been called. */
  get isClosing(): boolean {
    return this.#closing !== undefined;
  }

  /** Ends the builds as asked, then what they run on; idempotent. */
  close({ running = "abort" }: CloseOptions, reason: unknown, end: () => Promise<void>): Promise<void> {
    this.#closing ??= this.#settled().then(end);
    if (running === "abort") for (const build of this.#builds) void build.cancel(reason);
    return this.#closing;
  }

  /** Resolves when none runs any more. */
  async #settled(): Promise<void> {
    await Promise.all([...this.#builds].map((build) => build.settled()));
  }
}
