import { readFile, rm } from "node:fs/promises";
import { delay, errorMessage } from "@buildkit-node/core";
import { DaemonError } from "./daemon-error.ts";
import { reach } from "./reach.ts";
import { LOCKED, type Supervised } from "./supervisor.ts";

/** A daemon that is starting. */
export interface StartingDaemon {
  readonly program: string;
  readonly address: string;
  readonly directory: string;
  readonly dataRoot: string;
  readonly logFile: string;
  readonly supervised: Supervised;
}

/**
 * Resolves once the daemon answers.
 *
 * @throws {DaemonError} or the caller's reason, when nothing of the daemon is left but the log that the error names
 */
export async function waitUntilReady(
  daemon: StartingDaemon,
  options: { readonly startTimeoutMs?: number; readonly signal?: AbortSignal },
): Promise<void> {
  const timeoutMs = options.startTimeoutMs ?? 60_000;
  const timeout = AbortSignal.timeout(timeoutMs);
  const ended = new AbortController();
  daemon.supervised.exited.then(
    () => ended.abort(),
    () => ended.abort(),
  );
  const given = options.signal === undefined ? [] : [options.signal];
  try {
    await poll(daemon.address, AbortSignal.any([timeout, ended.signal, ...given]));
  } catch (cause) {
    if (ended.signal.aborted) throw await endedEarly(daemon);
    await daemon.supervised.stop();
    if (timeout.aborted) throw await tooSlow(daemon, timeoutMs, cause);
    await rm(daemon.directory, { recursive: true, force: true });
    throw cause;
  }
}

async function endedEarly(daemon: StartingDaemon): Promise<DaemonError> {
  const { program, logFile, supervised } = daemon;
  const exitCode = await supervised.exited;
  if (exitCode === LOCKED) {
    await rm(daemon.directory, { recursive: true, force: true });
    return new DaemonError(`another daemon uses the data root ${daemon.dataRoot}`, { program });
  }
  const message = `${program} ended with exit code ${exitCode} before it answered`;
  return new DaemonError(message, { program, exitCode, log: await tail(logFile), logFile });
}

async function tooSlow(daemon: StartingDaemon, timeoutMs: number, cause: unknown): Promise<DaemonError> {
  const { program, logFile } = daemon;
  const message = `${program} did not answer within ${timeoutMs / 1000} s`;
  return new DaemonError(message, { program, cause, log: await tail(logFile), logFile });
}

const pollIntervalMs = 25;

/** Tries until the daemon answers; throws the last failure once the signal aborts. */
async function poll(address: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      return await reach(address, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      await delay(pollIntervalMs, signal);
    }
  }
}

const tailLines = 40;

/** The end of the log, for an error; when it cannot be read, why. */
async function tail(file: string): Promise<string> {
  try {
    const lines = (await readFile(file, "utf8")).trimEnd().split("\n");
    return lines.slice(-tailLines).join("\n");
  } catch (error) {
    return `(${errorMessage(error)})`;
  }
}
