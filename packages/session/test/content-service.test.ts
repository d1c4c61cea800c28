import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  Content,
  ReadContentRequestSchema,
  ReadContentResponseSchema,
  WriteAction,
  WriteContentRequestSchema,
  type WriteContentResponse,
  WriteContentResponseSchema,
} from "@buildkit-node/proto/content";
import { type ContentStore, contentService, memoryStore } from "@buildkit-node/session";
import { StatusCode } from "@buildkit-node/transport";
import type { CallOptions } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { digestOf, readAll, sampleBytes, storeBlob } from "./content-store-compliance.ts";
import { callServices, openCall, type ServicePeer } from "./support/service-peer.ts";

const data = sampleBytes(100_000);
const digest = digestOf(data);
const storeId = ["buildkit-attachable-store-id", "export"] as const;
const exported: CallOptions = { headers: [[...storeId]] };

let store: ContentStore;
let peer: ServicePeer;
beforeEach(async () => {
  store = memoryStore();
  peer = await callServices(contentService(new Map([["export", store]])));
});
afterEach(() => peer[Symbol.asyncDispose]());

const client = () => peer.client(Content);
const refusal = (code: number) => expect.objectContaining({ code: "ERR_BUILDKIT_STATUS", status: code });
const status = (name: string) => expect.objectContaining({ code: "ERR_BUILDKIT_STATUS", status: name });

describe("which store", () => {
  it("is named by the request's metadata, and must be one that is served", async () => {
    await expect(client().info({ digest })).rejects.toEqual(status("InvalidArgument"));
    const headers = { "buildkit-attachable-store-id": "local:/elsewhere" };
    await expect(client().info({ digest }, { headers })).rejects.toEqual(status("NotFound"));
  });

  it("may be one of another service's, behind these", async () => {
    const other = memoryStore();
    const services = contentService(
      new Map([["export", store]]),
      contentService(
        new Map([
          ["other", other],
          ["export", other],
        ]),
      ),
    );
    await using both = await callServices(services);
    await storeBlob(store, data);
    await storeBlob(other, Buffer.from("other"));
    const infoIn = (id: string, wanted: string) =>
      both.client(Content).info({ digest: wanted }, { headers: { [storeId[0]]: id } });
    expect((await infoIn("export", digest)).info?.size).toBe(100_000n);
    expect((await infoIn("other", digestOf(Buffer.from("other")))).info?.size).toBe(5n);
    await expect(infoIn("export", digestOf(Buffer.from("other")))).rejects.toEqual(status("NotFound"));
    await expect(infoIn("nowhere", digest)).rejects.toEqual(status("NotFound"));
  });
});

describe("blobs", () => {
  it("are told about, listed in blocks of 100, and deleted", async () => {
    for (let number = 0; number < 250; number++) await storeBlob(store, Buffer.from(`blob ${number}`));
    await storeBlob(store, data);
    const { info } = await client().info({ digest }, exported);
    expect(info).toMatchObject({ digest, size: 100_000n });
    const blocks: number[] = [];
    for await (const block of client().list({}, exported)) blocks.push(block.info.length);
    expect(blocks).toEqual([100, 100, 51]);
    await client().delete({ digest }, exported);
    await expect(client().info({ digest }, exported)).rejects.toEqual(status("NotFound"));
    await expect(client().delete({ digest }, exported)).rejects.toEqual(status("NotFound"));
    await expect(client().info({ digest: "sha256:zz" }, exported)).rejects.toEqual(status("InvalidArgument"));
    await expect(client().update({ info: { digest } }, exported)).rejects.toEqual(
      status("FailedPrecondition"),
    );
  });
});

describe("Read", () => {
  async function read(offset: number, size: number): Promise<Buffer> {
    const request = { digest, offset: BigInt(offset), size: BigInt(size) };
    async function* pieces() {
      let at = 0n;
      for await (const response of client().read(request, exported)) {
        expect(response.offset).toBe(at);
        at += BigInt(response.data.length);
        yield response.data;
      }
    }
    return readAll(pieces());
  }

  it("gives the part that is asked for", async () => {
    await storeBlob(store, data);
    for (const [offset, size, expected] of [
      [0, 0, data],
      [-5, -1, data],
      [99_000, 5_000, data.subarray(99_000)],
      [10, 20, data.subarray(10, 30)],
      [100_000, 1, Buffer.alloc(0)],
    ] as const) {
      expect((await read(offset, size)).equals(expected)).toBe(true);
    }
    await expect(read(100_001, 1)).rejects.toEqual(status("OutOfRange"));
  });

  it("gives large blobs in pieces, as fast as they are taken", async () => {
    const large = sampleBytes(20_000_000);
    const digest = await storeBlob(store, large);
    async function* pieces() {
      for await (const { data } of client().read({ digest }, exported)) yield data;
    }
    expect((await readAll(pieces())).equals(large)).toBe(true);
  });

  it("puts up with many short reads that are given up", async () => {
    const large = sampleBytes(4_000_000);
    const digest = await storeBlob(store, large);
    const request = create(ReadContentRequestSchema, { digest, offset: 7n, size: 100_000n });
    for (let round = 0; round < 100; round++) {
      const call = await openCall(peer, Content.method.read, [storeId]);
      call.send(toBinary(ReadContentRequestSchema, request));
      call.halfClose();
      const response = fromBinary(ReadContentResponseSchema, (await call.next()) ?? Buffer.alloc(0));
      expect(response.data[0]).toBe(large[7]);
      call.cancel();
    }
    expect((await client().info({ digest }, exported)).info?.size).toBe(4_000_000n);
  });
});

describe("Write", () => {
  interface Message {
    readonly action: WriteAction;
    readonly ref?: string;
    readonly offset?: number;
    readonly data?: Uint8Array;
    readonly total?: number;
    readonly expected?: string;
  }
  const { STAT, WRITE, COMMIT } = WriteAction;

  const openWrite = () => openCall(peer, Content.method.write, [storeId]);

  /** One call: sends each message when the one before has been answered, then half-closes. */
  async function write(...messages: readonly Message[]): Promise<WriteContentResponse[]> {
    const call = await openWrite();
    const responses: WriteContentResponse[] = [];
    for (const message of messages) {
      const { offset = 0, total = 0, ...rest } = message;
      const request = { ...rest, offset: BigInt(offset), total: BigInt(total) };
      call.send(toBinary(WriteContentRequestSchema, create(WriteContentRequestSchema, request)));
      const response = await call.next();
      if (response === undefined)
        throw new Error(`the call ended before it answered request ${responses.length}`);
      responses.push(fromBinary(WriteContentResponseSchema, response));
    }
    call.halfClose();
    expect(await call.next()).toBeUndefined();
    return responses;
  }

  const begin: Message = { action: STAT, ref: "layer-1", total: data.length, expected: digest };
  const half = data.length / 2;

  it("stores a blob, answering each request", async () => {
    const responses = await write(
      begin,
      { action: WRITE, offset: 0, data: data.subarray(0, half) },
      { action: WRITE, offset: half, data: data.subarray(half) },
      { action: COMMIT, offset: data.length, total: data.length, expected: digest },
    );
    expect(responses).toMatchObject([
      { action: STAT, offset: 0n, total: 100_000n, digest: digestOf(Buffer.alloc(0)) },
      { action: WRITE, offset: BigInt(half) },
      { action: WRITE, offset: 100_000n },
      { action: COMMIT, offset: 100_000n, digest },
    ]);
    expect(responses[0]?.startedAt).toBeDefined();
    expect((await readAll(store.read(digest))).equals(data)).toBe(true);
  });

  it("takes the bytes with the commit, and a blob that was not announced", async () => {
    const [response] = await write({ action: COMMIT, ref: "small", data });
    expect(response).toMatchObject({ action: COMMIT, offset: 100_000n, digest });
    expect((await store.info(digest)).sizeBytes).toBe(100_000);
  });

  it("takes 8 MiB in a message", async () => {
    const large = sampleBytes(8 * 1024 * 1024);
    const [, , response] = await write(
      { action: STAT, ref: "large" },
      { action: WRITE, data: large },
      { action: COMMIT, offset: large.length, expected: digestOf(large) },
    );
    expect(response?.digest).toBe(digestOf(large));
  });

  it("takes several blobs at once", async () => {
    const blobs = Array.from({ length: 6 }, (_, number) => sampleBytes(300_000 + number));
    await Promise.all(
      blobs.map((blob, number) =>
        write(
          { action: STAT, ref: `layer-${number}` },
          { action: WRITE, data: blob },
          { action: COMMIT, offset: blob.length, total: blob.length, expected: digestOf(blob) },
        ),
      ),
    );
    for (const blob of blobs) expect((await store.info(digestOf(blob))).sizeBytes).toBe(blob.length);
  });

  it("keeps what was written when the call ends early, and goes on from there", async () => {
    await write(begin, { action: WRITE, offset: 0, data: data.subarray(0, half) });
    expect((await client().status({ ref: "layer-1" }, exported)).status).toMatchObject({
      offset: BigInt(half),
    });
    const statuses = await client().listStatuses({}, exported);
    expect(statuses.statuses).toMatchObject([{ ref: "layer-1", total: 100_000n }]);
    const responses = await write(
      begin,
      { action: WRITE, offset: half, data: data.subarray(half) },
      { action: COMMIT, offset: data.length, expected: digest },
    );
    expect(responses[0]?.offset).toBe(BigInt(half));
    expect(responses[2]?.digest).toBe(digest);
  });

  it("drops what is aborted", async () => {
    await write(begin, { action: WRITE, offset: 0, data });
    await client().abort({ ref: "layer-1" }, exported);
    await expect(client().status({ ref: "layer-1" }, exported)).rejects.toEqual(status("NotFound"));
  });

  it("starts over at offset 0, whatever was there", async () => {
    const [, , response] = await write(
      begin,
      { action: WRITE, offset: 0, data: Buffer.from("something else") },
      { action: WRITE, offset: 0, data: data.subarray(0, 10) },
    );
    expect(response).toMatchObject({ offset: 10n });
    const last = await write(begin, { action: COMMIT, offset: 0, data });
    expect(last[1]).toMatchObject({ digest });
  });

  it("refuses, with the status that daemons know", async () => {
    await expect(write({ action: STAT })).rejects.toEqual(refusal(StatusCode.invalidArgument));
    await expect(write({ ...begin, expected: "sha256:zz" })).rejects.toEqual(
      refusal(StatusCode.invalidArgument),
    );
    await expect(write(begin, { action: WRITE, offset: 5, data })).rejects.toEqual(
      refusal(StatusCode.outOfRange),
    );
    await expect(write(begin, { action: COMMIT, data: data.subarray(1) })).rejects.toEqual(
      refusal(StatusCode.failedPrecondition),
    );
    const wrong = Buffer.alloc(data.length);
    await expect(write(begin, { action: COMMIT, data: wrong })).rejects.toEqual(
      refusal(StatusCode.failedPrecondition),
    );
    await using _writer = await store.openWriter({ ref: "layer-1" });
    await expect(write(begin)).rejects.toEqual(refusal(StatusCode.unavailable));
  });

  it("says that the store has the blob", async () => {
    await storeBlob(store, data);
    await expect(write(begin)).rejects.toEqual(refusal(StatusCode.alreadyExists));
    await expect(
      write({ action: STAT, ref: "layer-1" }, { action: COMMIT, data, expected: digest }),
    ).rejects.toEqual(refusal(StatusCode.alreadyExists));
  });

  it("gives the ref back when the daemon breaks off", async () => {
    const call = await openWrite();
    call.send(toBinary(WriteContentRequestSchema, create(WriteContentRequestSchema, { ref: "layer-1" })));
    await call.next();
    await expect(write(begin)).rejects.toEqual(refusal(StatusCode.unavailable));
    call.cancel();
    await expect
      .poll(() =>
        write(begin).then(
          () => "free",
          () => "locked",
        ),
      )
      .toBe("free");
  });
});
