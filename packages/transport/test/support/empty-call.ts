import type { Connection, Metadata, MetadataPairs } from "../../src/index.ts";
import { ClientCall } from "../../src/internal.ts";

/** Makes a call without messages. Answers the headers of its answer, or rejects when there is none. */
export async function emptyCall(
  connection: Connection,
  path: string,
  metadata: MetadataPairs = [],
): Promise<Metadata> {
  const call = new ClientCall((receiver) => connection.openStream(path, metadata, receiver), {
    onMessage: () => {},
    onEnd: () => {},
    onDrain: () => {},
  });
  call.endSending();
  return call.started;
}
