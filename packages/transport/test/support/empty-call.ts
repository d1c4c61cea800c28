import type { Connection, Metadata, MetadataPairs } from "../../src/index.ts";
import { ClientCall } from "../../src/internal.ts";

/** Makes a call without messages. Answers the headers of its answer, or rejects when there is none. */
export function emptyCall(
  connection: Connection,
  path: string,
  metadata: MetadataPairs = [],
): Promise<Metadata> {
  return new Promise((resolve, reject) => {
    const call = new ClientCall((receiver) => connection.openStream(path, metadata, receiver), {
      onStart: resolve,
      onMessage: () => {},
      onEnd: ({ message }) => reject(new Error(message)),
      onDrain: () => {},
    });
    call.endSending();
  });
}
