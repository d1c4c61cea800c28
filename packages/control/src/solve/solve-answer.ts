import { isDigest } from "@buildkit-node/oci";
import type { Connection } from "@buildkit-node/transport";
import { buildRecord } from "../history/build-history.ts";
import { readBlob } from "../history/read-blob.ts";
import type { SolveAnswer } from "./export-set.ts";

/** What can be known of a build that has just succeeded. */
export function solveAnswer(
  connection: Connection,
  ref: string,
  response: Readonly<Record<string, string>>,
  signal: AbortSignal,
): SolveAnswer {
  return {
    response,
    recorded: async (place) => {
      const record = await buildRecord(connection, ref, signal).catch(() => undefined);
      const blob = record?.results.get("")?.exports.get(place);
      if (blob === undefined || !isDigest(blob.digest)) return undefined;
      const { mediaType, digest, sizeBytes: size, annotations } = blob;
      return { mediaType, digest, size, annotations };
    },
    read: ({ digest, size }) => readBlob(connection, { digest, sizeBytes: size }, signal),
  };
}
