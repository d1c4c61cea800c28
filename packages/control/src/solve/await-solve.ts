import { delay } from "@buildkit-node/core";
import { type Connection, ConnectionLostError } from "@buildkit-node/transport";
import { answerTooLarge } from "../errors/answer-too-large.ts";
import { recordedAsFailed } from "../errors/external-error.ts";

const solveMethod = "/moby.buildkit.v1.Control/Solve";

/** How long Solve may be silent after the end of its build's status before the history is asked, and then again. */
const askAfterMs = 1_000;
/** How often it is asked of a daemon that keeps no history. */
const asksWithoutHistory = 5;
/** How long one question may take. */
const askMs = 5_000;

export interface AwaitedSolve<T> {
  /** The Solve call, on a connection of its own. */
  readonly solve: Promise<T>;
  /** The end of the build's status, which the daemon tells at the same time as Solve's answer. */
  readonly told: Promise<void>;
  /** The connection of everything else. */
  readonly connection: Connection;
  readonly ref: string;
}

/**
 * Waits for Solve on a daemon that does not keep to the header limit: an error that is too large for a header breaks the
 * connection that it comes on, and Node may say nothing of it. What the build's status and the history tell shows it.
 *
 * @throws what Solve throws, or an error as if its stream had been reset for its size
 */
export async function awaitSolve<T>(awaited: AwaitedSolve<T>): Promise<T> {
  const answered = new AbortController();
  const unanswered = watch(awaited, answered.signal);
  unanswered.catch(() => {});
  try {
    return await Promise.race([awaited.solve, unanswered]);
  } catch (error) {
    // Later releases of Node end the connection. When the others are gone too, it was not the answer's size.
    if (error instanceof ConnectionLostError) {
      const failed = await hasFailed(awaited);
      if (failed ?? awaited.connection.usable) throw answerTooLarge(solveMethod);
    }
    throw error;
  } finally {
    answered.abort();
  }
}

async function watch(awaited: AwaitedSolve<unknown>, answered: AbortSignal): Promise<never> {
  await awaited.told;
  for (let asks = 1; ; asks++) {
    await delay(askAfterMs, answered);
    const failed = await hasFailed(awaited);
    if (failed ?? asks >= asksWithoutHistory) throw answerTooLarge(solveMethod);
  }
}

/** What the history says; `undefined` where it says nothing. */
function hasFailed({ connection, ref }: AwaitedSolve<unknown>): Promise<boolean | undefined> {
  return recordedAsFailed(connection, ref, AbortSignal.timeout(askMs)).catch(() => undefined);
}
