import { onAbort } from "@buildkit-node/core";

/** One for all: to make the default reason takes longer than all else here. */
const left = new Error("the loop over the call was left");

/**
 * Makes a streaming call that ends with the loop over it: leaving the loop, or the signal, cancels the call. Connect's
 * own response does not do that: leaving it early leaves the call running.
 *
 * @param open starts the call with the signal that will end it
 */
export async function* scopedStream<T>(
  open: (signal: AbortSignal) => AsyncIterable<T>,
  signal?: AbortSignal,
): AsyncGenerator<T, void, undefined> {
  const scope = new AbortController();
  const forwarding = onAbort(signal, (reason) => scope.abort(reason));
  try {
    yield* open(scope.signal);
  } finally {
    forwarding[Symbol.dispose]();
    scope.abort(left);
  }
}
