import type { Build } from "../solve/build.ts";

/** What becomes of builds that run when what they run on is closed. */
export interface CloseOptions {
  /** `abort`, the default, cancels them; `wait` lets them end. */
  readonly running?: "abort" | "wait";
}

/** The builds that run on a client or in a session. */
export class RunningBuilds {
  readonly #builds = new Set<Build<unknown>>();

  add(build: Build<unknown>): void {
    this.#builds.add(build);
    void build.settled().then(() => this.#builds.delete(build));
  }

  /** Ends them as asked; `wait` is what settles when they have. */
  end({ running = "abort" }: CloseOptions, reason: unknown): void {
    if (running === "wait") return;
    for (const build of this.#builds) void build.cancel(reason);
  }

  /** Resolves when none runs any more. */
  async settled(): Promise<void> {
    await Promise.all([...this.#builds].map((build) => build.settled()));
  }
}
