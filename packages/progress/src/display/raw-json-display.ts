import type { ProgressDisplay, ProgressSink } from "@buildkit-node/core";
import { formatStatusLine } from "../record/status-line.ts";
import type { Output } from "./output.ts";

/** Every update as it comes, one line of JSON each, for programs. */
export class RawJsonDisplay implements ProgressDisplay {
  readonly #output: Output;

  constructor(output: Output) {
    this.#output = output;
  }

  attach(): ProgressSink {
    const output = this.#output;
    output.acquire();
    return {
      update: (update) => {
        output.write(`${formatStatusLine(update)}\n`);
        return output.isBusy ? output.drained() : undefined;
      },
      end: () => output.release(),
    };
  }
}
