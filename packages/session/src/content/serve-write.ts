import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  WriteAction,
  type WriteContentRequest,
  WriteContentRequestSchema,
  type WriteContentResponse,
  WriteContentResponseSchema,
} from "@buildkit-node/proto/content";
import type { ServerCall } from "@buildkit-node/transport";
import { ContentError } from "./content-error.ts";
import type { ContentStore, ContentWriter } from "./content-store.ts";

/**
 * Answers `Content.Write`: each request with one response, until the COMMIT. The first request names the ref, which is held
 * for as long as the call lasts; a call that ends before its COMMIT leaves what it wrote for a later one.
 */
export async function serveWrite(call: ServerCall, store: ContentStore): Promise<void> {
  let write: ContentWrite | undefined;
  try {
    for await (const message of call.messages()) {
      const request = fromBinary(WriteContentRequestSchema, message);
      write ??= await ContentWrite.begin(store, request);
      const response = await write.handle(request);
      call.send(toBinary(WriteContentResponseSchema, response));
      if (request.action === WriteAction.COMMIT) return;
      await call.writable();
    }
  } finally {
    await write?.end();
  }
}

/** The state of one call. */
class ContentWrite {
  readonly #writer: ContentWriter;
  #totalBytes = 0;
  #digest = "";

  private constructor(writer: ContentWriter) {
    this.#writer = writer;
  }

  static async begin(
    store: ContentStore,
    { ref, total, expected }: WriteContentRequest,
  ): Promise<ContentWrite> {
    const writer = await store.openWriter({
      ref,
      ...(total > 0n ? { totalBytes: Number(total) } : {}),
      ...(expected === "" ? {} : { digest: expected }),
    });
    return new ContentWrite(writer);
  }

  end(): Promise<void> {
    return this.#writer.close();
  }

  /** Announcements hold until a later request makes another. */
  async handle(request: WriteContentRequest): Promise<WriteContentResponse> {
    if (request.total > 0n) this.#totalBytes = Number(request.total);
    if (request.expected !== "") this.#digest = request.expected;
    switch (request.action) {
      case WriteAction.STAT:
        return this.#stat();
      case WriteAction.WRITE:
        await this.#append(request);
        return this.#response(WriteAction.WRITE, await this.#writer.digest());
      case WriteAction.COMMIT:
        await this.#append(request);
        return this.#response(WriteAction.COMMIT, await this.#commit());
      default:
        throw new ContentError("invalid", request.ref, `unknown write action ${String(request.action)}`);
    }
  }

  async #stat(): Promise<WriteContentResponse> {
    const { startedAt, updatedAt } = this.#writer.status;
    return {
      ...this.#response(WriteAction.STAT, await this.#writer.digest()),
      startedAt: timestampFromDate(startedAt),
      updatedAt: timestampFromDate(updatedAt),
      total: BigInt(this.#totalBytes),
    };
  }

  /** Offset 0 starts over; any other must be where the write stands. */
  async #append({ offset, data }: WriteContentRequest): Promise<void> {
    const { ref, offsetBytes } = this.#writer.status;
    if (offset > 0n && Number(offset) !== offsetBytes) {
      const message = `${ref} stands at offset ${offsetBytes} and cannot be written at ${offset}`;
      throw new ContentError("out-of-range", ref, message);
    }
    if (offset === 0n && offsetBytes > 0) await this.#writer.restart();
    if (data.length > 0) await this.#writer.write(data);
  }

  async #commit(): Promise<string> {
    const { digest } = await this.#writer.commit({
      ...(this.#totalBytes > 0 ? { sizeBytes: this.#totalBytes } : {}),
      ...(this.#digest === "" ? {} : { digest: this.#digest }),
    });
    return digest;
  }

  #response(action: WriteAction, digest: string): WriteContentResponse {
    const offset = BigInt(this.#writer.status.offsetBytes);
    return create(WriteContentResponseSchema, { action, offset, digest });
  }
}
