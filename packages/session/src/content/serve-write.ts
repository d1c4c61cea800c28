import { setImmediate } from "node:timers/promises";
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
 *
 * Bytes are answered for when they are here: a daemon sends the next ones only then, and makes them while these are hashed
 * and stored. What goes wrong with them is the answer to the request after; a COMMIT waits for all of it.
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
      if (request.action === WriteAction.WRITE) write.store(request.data);
    }
  } finally {
    await write?.end();
  }
}

/** The state of one call. */
class ContentWrite {
  readonly #writer: ContentWriter;
  /** Bytes that are answered for. */
  #offsetBytes: number;
  #storing: Promise<void> = Promise.resolve();
  #totalBytes = 0;
  #digest = "";

  private constructor(writer: ContentWriter) {
    this.#writer = writer;
    this.#offsetBytes = writer.status.offsetBytes;
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

  async end(): Promise<void> {
    await this.#storing.catch(() => {});
    await this.#writer.close();
  }

  /** Announcements hold until a later request makes another. */
  async handle(request: WriteContentRequest): Promise<WriteContentResponse> {
    await this.#storing;
    if (request.total > 0n) this.#totalBytes = Number(request.total);
    if (request.expected !== "") this.#digest = request.expected;
    switch (request.action) {
      case WriteAction.STAT:
        return this.#stat();
      case WriteAction.WRITE:
        await this.#accept(request);
        // Nobody needs the digest of a part, and to tell it would mean to wait for it.
        return this.#response(WriteAction.WRITE, "");
      case WriteAction.COMMIT:
        await this.#accept(request);
        await this.#writer.write(request.data);
        return this.#response(WriteAction.COMMIT, await this.#commit());
      default:
        throw new ContentError("invalid", request.ref, `unknown write action ${String(request.action)}`);
    }
  }

  /** Begins to store what was accepted. */
  store(data: Uint8Array): void {
    if (data.length === 0) return;
    // Hashing keeps the process busy: the answer is to be on its way before.
    this.#storing = setImmediate().then(() => this.#writer.write(data));
    this.#storing.catch(() => {});
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
  async #accept({ offset, data }: WriteContentRequest): Promise<void> {
    const stands = this.#offsetBytes;
    const { ref } = this.#writer.status;
    if (offset > 0n && Number(offset) !== stands) {
      const message = `${ref} stands at offset ${stands} and cannot be written at ${offset}`;
      throw new ContentError("out-of-range", ref, message);
    }
    if (offset === 0n && stands > 0) {
      await this.#writer.restart();
      this.#offsetBytes = 0;
    }
    this.#offsetBytes += data.length;
  }

  async #commit(): Promise<string> {
    const { digest } = await this.#writer.commit({
      ...(this.#totalBytes > 0 ? { sizeBytes: this.#totalBytes } : {}),
      ...(this.#digest === "" ? {} : { digest: this.#digest }),
    });
    return digest;
  }

  #response(action: WriteAction, digest: string): WriteContentResponse {
    const offset = BigInt(this.#offsetBytes);
    return create(WriteContentResponseSchema, { action, offset, digest });
  }
}
