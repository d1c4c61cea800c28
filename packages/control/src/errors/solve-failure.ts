import { SolveError } from "@buildkit-node/core";
import { decodeDetails } from "@buildkit-node/gateway/internal";
import { type Connection, StatusError } from "@buildkit-node/transport";
import { type RecordedError, recordedError } from "./external-error.ts";

/** What the status stream told of a build's steps, as far as an error needs it. */
export interface StepRecord {
  /** The step's name, and its digest where the daemon's details do not say which failed. */
  failed(digest: string | undefined): { readonly digest: string; readonly name?: string } | undefined;
  /** The last lines that the step wrote. */
  logs(digest: string): readonly string[];
}

/** How long reading an error from the history may take. */
const historyMs = 5_000;

/**
 * What the Solve call threw, as the error of the build. Errors too large for the headers of their answer come as a
 * reset of the stream: those are read from the history.
 */
export async function solveFailure(
  connection: Connection,
  ref: string,
  thrown: unknown,
  steps: StepRecord,
): Promise<unknown> {
  if (!(thrown instanceof StatusError)) return thrown;
  const { text, status, details, reset } = thrown;
  if (!(reset && status === "Internal")) {
    return solveError(ref, { text, status, details, whole: true }, steps, thrown);
  }
  const recorded = await recordedError(connection, ref, AbortSignal.timeout(historyMs)).catch(
    () => undefined,
  );
  const unknown: RecordedError = {
    text: "the daemon's error was too large to be sent, and it keeps no record of it",
    status: "Unknown",
    details: [],
    whole: false,
  };
  return solveError(ref, recorded ?? unknown, steps, thrown);
}

/** A build's error with everything that is known of it. */
export function solveError(
  ref: string,
  error: RecordedError,
  steps: StepRecord,
  cause?: unknown,
): SolveError {
  const { details } = error;
  const { vertex: digest, ...decoded } = decodeDetails(details);
  const vertex = steps.failed(digest);
  return new SolveError(
    {
      ref,
      text: error.text,
      status: error.status,
      ...(vertex && { vertex }),
      ...decoded,
      logs: vertex === undefined ? [] : steps.logs(vertex.digest),
      details,
      detailsMissing: !error.whole,
    },
    cause === undefined ? undefined : { cause },
  );
}
