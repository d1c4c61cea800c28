import { BuildkitError } from "@buildkit-node/core";
import { Content } from "@buildkit-node/proto/content";
import { type Connection, scopedStream } from "@buildkit-node/transport";
import { createClient } from "@connectrpc/connect";
import type { Blob } from "./build-record.ts";

/** Reads something from the daemon's content store whole (BuildKit 0.11). */
export async function readBlob(
  connection: Connection,
  blob: Pick<Blob, "digest" | "sizeBytes">,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const content = createClient(Content, connection.rpc);
  const chunks: Uint8Array[] = [];
  let length = 0;
  const responses = scopedStream((scope) => content.read({ digest: blob.digest }, { signal: scope }), signal);
  for await (const { data } of responses) {
    length += data.length;
    if (length > blob.sizeBytes) break;
    chunks.push(data);
  }
  if (length === blob.sizeBytes) return Buffer.concat(chunks);
  const message = `the daemon's blob ${blob.digest} has not the ${blob.sizeBytes} bytes that its descriptor tells`;
  throw new BuildkitError("ERR_BUILDKIT_CONTENT", message);
}
