import type { StatusUpdate } from "@buildkit-node/core";
import type { StepRecord } from "../errors/solve-failure.ts";
import { LogTail } from "./log-tail.ts";

/** What must be kept of a build's status in case that it fails. */
export class StepLog implements StepRecord {
  readonly #names = new Map<string, string>();
  readonly #tail = new LogTail();
  #lastFailed: string | undefined;

  add(update: StatusUpdate): void {
    for (const { digest, name, error } of update.vertices) {
      this.#names.set(digest, name);
      if (error !== undefined && !error.endsWith("context canceled")) this.#lastFailed = digest;
    }
    for (const log of update.logs) this.#tail.add(log);
  }

  failed(named: string | undefined): { readonly digest: string; readonly name?: string } | undefined {
    const digest = named ?? this.#lastFailed;
    if (digest === undefined) return undefined;
    const name = this.#names.get(digest);
    return { digest, ...(name !== undefined && { name }) };
  }

  logs(digest: string): readonly string[] {
    return this.#tail.lines(digest);
  }
}
