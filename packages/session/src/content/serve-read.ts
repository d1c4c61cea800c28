import { fromBinary } from "@bufbuild/protobuf";
import { type ReadContentRequest, ReadContentRequestSchema } from "@buildkit-node/proto/content";
import type { ServerCall } from "@buildkit-node/transport";
import type { ContentStore } from "./content-store.ts";
import { readResponseHead } from "./read-response-head.ts";

/**
 * Answers `Content.Read`. Daemons make one such call for each buffer that they fill, and give it up as soon as they have
 * their bytes.
 */
export async function serveRead(call: ServerCall, store: ContentStore): Promise<void> {
  const { digest, offset, size } = await readRequest(call);
  const pieces = store.read(digest, {
    offsetBytes: Math.max(0, Number(offset)),
    ...(size > 0n ? { sizeBytes: Number(size) } : {}),
  });
  let sentBytes = 0;
  for await (const piece of pieces) {
    call.signal.throwIfAborted();
    call.sendFramed(readResponseHead(sentBytes, piece.length));
    call.sendFramed(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength));
    sentBytes += piece.length;
    await call.writable();
  }
}

async function readRequest(call: ServerCall): Promise<ReadContentRequest> {
  let request: ReadContentRequest | undefined;
  await call.read((message) => {
    request = fromBinary(ReadContentRequestSchema, message);
  });
  return request ?? fromBinary(ReadContentRequestSchema, new Uint8Array());
}
