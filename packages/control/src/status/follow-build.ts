import { onAbort, type StatusUpdate } from "@buildkit-node/core";
import type { Connection } from "@buildkit-node/transport";
import { watchStatus } from "./watch-status.ts";

/**
 * How long a status stream may be silent once its build is over. After a failure it ends at once, if it does; where
 * nothing came at all, the daemon waits for a build that it may never have begun.
 */
const silenceMs = {
  succeeded: { heard: 5_000, unheard: 1_000 },
  failed: { heard: 2_000, unheard: 250 },
} as const;

/**
 * A build's status to its end. The stream ends by itself a moment after the build; one that does not is given up
 * after a silence, and what was told until then counts.
 *
 * @param solve settles with the build
 */
export async function* followBuild(
  connection: Connection,
  ref: string,
  solve: Promise<unknown>,
  signal?: AbortSignal,
): AsyncGenerator<StatusUpdate, void, undefined> {
  const scope = new AbortController();
  const forwarding = onAbort(signal, (reason) => scope.abort(reason));
  const silence = watchSilence(solve, () => scope.abort(silence));
  try {
    for await (const update of watchStatus(connection, ref, scope.signal)) {
      // A reader that takes its time is not a daemon that is silent.
      silence.pause();
      yield update;
      silence.listen();
    }
  } catch (error) {
    if (error !== silence) throw error;
  } finally {
    silence.pause();
    forwarding[Symbol.dispose]();
  }
}

interface Silence {
  /** Somebody has spoken; what they said is being read. */
  pause(): void;
  /** From now on silence counts again. */
  listen(): void;
}

function watchSilence(solve: Promise<unknown>, onTooLong: () => void): Silence {
  let over: "succeeded" | "failed" | undefined;
  let listening = true;
  let heard = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const arm = () => {
    clearTimeout(timer);
    if (over === undefined || !listening) return;
    timer = setTimeout(onTooLong, silenceMs[over][heard ? "heard" : "unheard"]);
  };
  const end = (how: typeof over) => {
    over = how;
    arm();
  };
  solve.then(
    () => end("succeeded"),
    () => end("failed"),
  );
  return {
    pause: () => {
      heard = true;
      listening = false;
      arm();
    },
    listen: () => {
      listening = true;
      arm();
    },
  };
}
