import { delay, type ProgressSink, type StatusUpdate, type Timestamp } from "@buildkit-node/core";
import { parseStatusLine } from "./status-line.ts";

/**
 * The updates of a recording: lines of JSON as the `rawjson` display writes them, in chunks of any size. Empty lines
 * are passed over.
 *
 * @throws InvalidArgumentError at a line that is not JSON.
 */
export async function* readRecording(
  chunks: Iterable<Uint8Array | string> | AsyncIterable<Uint8Array | string>,
): AsyncGenerator<StatusUpdate, void, void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunks) {
    const lines = (
      rest + (typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true }))
    ).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.trim() !== "") yield parseStatusLine(line);
  }
  if (rest.trim() !== "") yield parseStatusLine(rest);
}

export interface ReplayOptions {
  /** How many times as fast as the build was. Default 1; `Infinity` does not wait at all. */
  readonly speed?: number;
  readonly signal?: AbortSignal;
}

/**
 * Gives a sink the updates with the pauses that lay between them, told by the moments that they name. Does not end the
 * sink. Rejects with the signal's reason when it aborts.
 */
export async function replay(
  updates: Iterable<StatusUpdate> | AsyncIterable<StatusUpdate>,
  sink: ProgressSink,
  { speed = 1, signal }: ReplayOptions = {},
): Promise<void> {
  const begun = performance.now();
  let first: Timestamp | undefined;
  for await (const update of updates) {
    signal?.throwIfAborted();
    const moment = newestMoment(update);
    if (moment !== undefined) {
      first ??= moment;
      const waitMs = begun + (moment - first) / speed - performance.now();
      if (waitMs > 0) await delay(waitMs, signal);
    }
    await sink.update(update);
  }
}

/** The latest of the moments that an update names. */
export function newestMoment(update: StatusUpdate): Timestamp | undefined {
  let newest = Number.NEGATIVE_INFINITY;
  for (const { started, completed } of update.vertices)
    newest = Math.max(newest, completed ?? started ?? newest);
  for (const { timestamp } of update.statuses) newest = Math.max(newest, timestamp);
  for (const { timestamp } of update.logs) newest = Math.max(newest, timestamp);
  return newest === Number.NEGATIVE_INFINITY ? undefined : newest;
}
