/**
 * Waits for `promise`, or rejects with the signal's reason as soon as it aborts, whichever comes first. The work
 * behind the promise goes on; the listener is always removed.
 */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  if (signal.aborted) {
    promise.catch(() => {});
    return Promise.reject(signal.reason);
  }
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

/** Calls `listener` when the signal aborts, at once when it already has. Disposing forgets the listener. */
export function onAbort(signal: AbortSignal | undefined, listener: (reason: unknown) => void): Disposable {
  if (signal === undefined) return { [Symbol.dispose]: () => {} };
  const handler = () => listener(signal.reason);
  if (signal.aborted) handler();
  else signal.addEventListener("abort", handler, { once: true });
  return { [Symbol.dispose]: () => signal.removeEventListener("abort", handler) };
}

/** Resolves after `ms` milliseconds; rejects with the signal's reason when it aborts. */
export function delay(ms: number, signal?: AbortSignal): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const elapsed = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  return abortable(elapsed, signal).finally(() => clearTimeout(timer));
}

/**
 * The promise's result, or `undefined` once `ms` milliseconds have passed without one. A late rejection is
 * swallowed: the caller has stopped waiting.
 */
export function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  return Promise.race([promise, timeout]).finally(() => {
    clearTimeout(timer);
    promise.catch(() => {});
  });
}
