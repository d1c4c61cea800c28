import { fromBinary } from "@bufbuild/protobuf";
import { type ErrorDetail, withoutPasswords } from "@buildkit-node/core";
import { BuildHistoryEventType, type BuildHistoryRecord, Control } from "@buildkit-node/proto/control";
import { StatusSchema } from "@buildkit-node/proto/rpc-status";
import { type Connection, StatusError, type StatusName, scopedStream } from "@buildkit-node/transport";
import { statusName } from "@buildkit-node/transport/internal";
import { createClient } from "@connectrpc/connect";
import { blobFromProto } from "../history/build-record.ts";
import { readBlob } from "../history/read-blob.ts";

/** A build's error as the history keeps it. */
export interface RecordedError {
  readonly text: string;
  readonly status: StatusName;
  readonly details: readonly ErrorDetail[];
  /** False where the record has the text alone (before BuildKit 0.15). */
  readonly whole: boolean;
}

/** Larger than any error that a daemon writes. */
const maxErrorBytes = 64 * 1024 * 1024;

/**
 * Reads how a build failed from the history of builds (BuildKit 0.11): the way round an error that is too large for
 * the headers of its own answer. `undefined` where the daemon keeps no record of it.
 */
export async function recordedError(
  connection: Connection,
  ref: string,
  signal: AbortSignal | undefined,
): Promise<RecordedError | undefined> {
  const record = await findRecord(connection, ref, signal);
  if (record === undefined) return undefined;
  const descriptor = record.externalError;
  if (descriptor === undefined || Number(descriptor.size) > maxErrorBytes) {
    if (record.error === undefined) return undefined;
    const { message, code } = record.error;
    return { text: withoutPasswords(message), status: statusName(code), details: [], whole: false };
  }
  const status = fromBinary(StatusSchema, await readBlob(connection, blobFromProto(descriptor), signal));
  const details = status.details.map(({ typeUrl, value }) => ({
    type: typeUrl.slice(typeUrl.lastIndexOf("/") + 1),
    value,
  }));
  return { text: withoutPasswords(status.message), status: statusName(status.code), details, whole: true };
}

async function findRecord(
  connection: Connection,
  ref: string,
  signal: AbortSignal | undefined,
): Promise<BuildHistoryRecord | undefined> {
  const control = createClient(Control, connection.rpc);
  const events = scopedStream(
    (scoped) => control.listenBuildHistory({ Ref: ref, EarlyExit: true }, { signal: scoped }),
    signal,
  );
  try {
    for await (const event of events) {
      if (event.type === BuildHistoryEventType.COMPLETE && event.record?.Ref === ref) return event.record;
    }
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
  }
  return undefined;
}
