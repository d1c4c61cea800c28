import { createHash } from "node:crypto";
import type { ContentStore, ContentWriter } from "@buildkit-node/session";
import { describe, expect, it } from "vitest";

export function digestOf(data: Uint8Array, algorithm = "sha256"): string {
  return `${algorithm}:${createHash(algorithm).update(data).digest("hex")}`;
}

export async function readAll(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

/** Compares like `toEqual`, in time that does not hurt. */
function expectBytes(actual: Buffer, expected: Uint8Array): void {
  expect({ length: actual.length, equal: actual.equals(expected) }).toEqual({
    length: expected.length,
    equal: true,
  });
}

/** Bytes that differ from place to place. */
export function sampleBytes(length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; at++) bytes[at] = at * 31 + (at >> 8);
  return bytes;
}

/** Stores one blob in one go and answers its digest. */
export async function storeBlob(store: ContentStore, data: Uint8Array): Promise<string> {
  const digest = digestOf(data);
  await using writer = await store.openWriter({ ref: `blob-${digest}`, totalBytes: data.length, digest });
  await writer.write(data);
  await writer.commit({ sizeBytes: data.length, digest });
  return digest;
}

async function listed<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/**
 * What every `ContentStore` must do. `open` answers the same, at first empty, store each time it is called within one
 * test: a store that outlives its process has to find there what an earlier instance left.
 */
export function contentStoreCompliance(name: string, makeOpener: () => Promise<() => ContentStore>): void {
  const withStore = (check: (open: () => ContentStore) => Promise<void>) => async () =>
    check(await makeOpener());
  const rejection = (reason: string) => expect.objectContaining({ code: "ERR_BUILDKIT_CONTENT", reason });

  describe(`${name}: blobs`, () => {
    it(
      "gives back what was stored, and its info",
      withStore(async (open) => {
        const data = sampleBytes(3_000_000);
        const digest = await storeBlob(open(), data);
        expectBytes(await readAll(open().read(digest)), data);
        const info = await open().info(digest);
        expect(info).toMatchObject({ digest, sizeBytes: data.length });
        expect(Math.abs(info.createdAt.getTime() - Date.now())).toBeLessThan(60_000);
      }),
    );

    it(
      "stores the empty blob",
      withStore(async (open) => {
        const digest = await storeBlob(open(), new Uint8Array());
        expect(await readAll(open().read(digest))).toEqual(Buffer.alloc(0));
        expect(await open().info(digest)).toMatchObject({ sizeBytes: 0 });
      }),
    );

    it(
      "reads ranges, up to the end when more is asked for",
      withStore(async (open) => {
        const data = sampleBytes(10_000);
        const digest = await storeBlob(open(), data);
        const part = (offsetBytes: number, sizeBytes?: number) =>
          readAll(open().read(digest, { offsetBytes, ...(sizeBytes === undefined ? {} : { sizeBytes }) }));
        expectBytes(await part(100, 50), data.subarray(100, 150));
        expectBytes(await part(9_000), data.subarray(9_000));
        expectBytes(await part(9_000, 5_000), data.subarray(9_000));
        expectBytes(await part(10_000), Buffer.alloc(0));
        await expect(part(10_001)).rejects.toEqual(rejection("out-of-range"));
      }),
    );

    it(
      "yields pieces of at most 1 MiB, and lets a reader leave early",
      withStore(async (open) => {
        const digest = await storeBlob(open(), sampleBytes(2_500_000));
        for await (const piece of open().read(digest)) {
          expect(piece.length).toBeLessThanOrEqual(1024 * 1024);
          break;
        }
        expect((await open().info(digest)).sizeBytes).toBe(2_500_000);
      }),
    );

    it(
      "does not find what it lacks, and refuses what is no digest",
      withStore(async (open) => {
        const absent = digestOf(Buffer.from("absent"));
        await expect(open().info(absent)).rejects.toEqual(rejection("not-found"));
        await expect(readAll(open().read(absent))).rejects.toEqual(rejection("not-found"));
        await expect(open().delete(absent)).rejects.toEqual(rejection("not-found"));
        for (const bad of [
          "",
          "sha256:",
          "sha256:../../etc/passwd",
          "md5:00",
          `${absent}0`,
          absent.toUpperCase(),
        ]) {
          await expect(open().info(bad)).rejects.toEqual(rejection("invalid"));
          await expect(open().openWriter({ ref: "r", digest: bad })).rejects.toEqual(rejection("invalid"));
        }
      }),
    );

    it(
      "lists and deletes",
      withStore(async (open) => {
        const one = await storeBlob(open(), Buffer.from("one"));
        const two = await storeBlob(open(), Buffer.from("two"));
        const digests = async () => (await listed(open().list())).map((info) => info.digest).sort();
        expect(await digests()).toEqual([one, two].sort());
        await open().delete(one);
        expect(await digests()).toEqual([two]);
        await expect(open().info(one)).rejects.toEqual(rejection("not-found"));
      }),
    );

    it(
      "keeps other digest algorithms",
      withStore(async (open) => {
        const data = Buffer.from("longer digests");
        const digest = digestOf(data, "sha512");
        const writer = await open().openWriter({ ref: "r", digest });
        await writer.write(data);
        expect(await writer.digest()).toBe(digest);
        await writer.commit({ digest });
        expectBytes(await readAll(open().read(digest)), data);
      }),
    );

    it(
      "commits under the algorithm that the commit names",
      withStore(async (open) => {
        const data = Buffer.from("named late");
        const writer = await open().openWriter({ ref: "r" });
        await writer.write(data);
        const info = await writer.commit({ digest: digestOf(data, "sha512") });
        expect(info.digest).toBe(digestOf(data, "sha512"));
      }),
    );
  });

  describe(`${name}: writes`, () => {
    const data = sampleBytes(100_000);
    const digest = digestOf(data);

    const begin = async (store: ContentStore): Promise<ContentWriter> =>
      store.openWriter({ ref: "layer-1", totalBytes: data.length, digest });

    it(
      "tells where a write stands",
      withStore(async (open) => {
        await using writer = await begin(open());
        expect(writer.status).toMatchObject({ ref: "layer-1", offsetBytes: 0, totalBytes: data.length });
        expect(await writer.digest()).toBe(digestOf(Buffer.alloc(0)));
        await writer.write(data.subarray(0, 40));
        expect(writer.status.offsetBytes).toBe(40);
        expect(await writer.digest()).toBe(digestOf(data.subarray(0, 40)));
      }),
    );

    it(
      "shows nothing of a blob before the commit",
      withStore(async (open) => {
        const store = open();
        await using writer = await begin(store);
        await writer.write(data);
        await expect(store.info(digest)).rejects.toEqual(rejection("not-found"));
        expect(await listed(store.list())).toEqual([]);
      }),
    );

    it(
      "goes on after an interruption",
      withStore(async (open) => {
        const first = await begin(open());
        await first.write(data.subarray(0, 70_000));
        await first.close();
        expect(await open().status("layer-1")).toMatchObject({
          offsetBytes: 70_000,
          totalBytes: data.length,
        });

        const second = await begin(open());
        expect(second.status.offsetBytes).toBe(70_000);
        expect(await second.digest()).toBe(digestOf(data.subarray(0, 70_000)));
        await second.write(data.subarray(70_000));
        await second.commit({ sizeBytes: data.length, digest });
        expectBytes(await readAll(open().read(digest)), data);
        await expect(open().status("layer-1")).rejects.toEqual(rejection("not-found"));
      }),
    );

    it(
      "starts over when asked, and when the announced size is another one",
      withStore(async (open) => {
        const first = await begin(open());
        await first.write(Buffer.from("something else"));
        await first.restart();
        expect(first.status.offsetBytes).toBe(0);
        await first.write(data.subarray(0, 10));
        expect(await first.digest()).toBe(digestOf(data.subarray(0, 10)));
        await first.close();

        await using second = await open().openWriter({ ref: "layer-1", totalBytes: 5 });
        expect(second.status.offsetBytes).toBe(0);
      }),
    );

    it(
      "lets one write at a time have a ref",
      withStore(async (open) => {
        const store = open();
        const first = await begin(store);
        await expect(begin(store)).rejects.toEqual(rejection("locked"));
        await expect(store.abort("layer-1")).rejects.toEqual(rejection("locked"));
        await first.close();
        await first.close();
        await using second = await begin(store);
        expect(second.status.offsetBytes).toBe(0);
      }),
    );

    it(
      "takes several writes at once",
      withStore(async (open) => {
        const store = open();
        const blobs = Array.from({ length: 8 }, (_, index) => sampleBytes(50_000 + index));
        const digests = await Promise.all(blobs.map((blob) => storeBlob(store, blob)));
        for (const [index, blob] of blobs.entries()) {
          expectBytes(await readAll(store.read(digests[index]!)), blob);
        }
      }),
    );

    it(
      "refuses a wrong digest or size, and keeps nothing of it",
      withStore(async (open) => {
        for (const wrong of [{ digest }, { sizeBytes: 4 }]) {
          const writer = await open().openWriter({ ref: "layer-1" });
          expect(writer.status.offsetBytes).toBe(0);
          await writer.write(Buffer.from("wrong"));
          await expect(writer.commit(wrong)).rejects.toEqual(rejection("mismatch"));
        }
        expect(await listed(open().list())).toEqual([]);
        expect(await listed(open().listStatuses())).toEqual([]);
      }),
    );

    it(
      "says that a blob exists, before and at the commit",
      withStore(async (open) => {
        const store = open();
        const late = await store.openWriter({ ref: "late" });
        await late.write(data);
        await storeBlob(store, data);
        await expect(begin(store)).rejects.toEqual(rejection("exists"));
        await expect(late.commit()).rejects.toEqual(rejection("exists"));
        expect(await listed(store.listStatuses())).toEqual([]);
      }),
    );

    it(
      "lists and drops ingests",
      withStore(async (open) => {
        const writer = await begin(open());
        await writer.write(data);
        await writer.close();
        expect(await listed(open().listStatuses())).toMatchObject([
          { ref: "layer-1", offsetBytes: data.length },
        ]);
        await open().abort("layer-1");
        expect(await listed(open().listStatuses())).toEqual([]);
        await expect(open().abort("layer-1")).rejects.toEqual(rejection("not-found"));
      }),
    );

    it(
      "refuses a write without a ref, and one that has ended",
      withStore(async (open) => {
        await expect(open().openWriter({ ref: "" })).rejects.toEqual(rejection("invalid"));
        const writer = await begin(open());
        await writer.close();
        await expect(writer.write(data)).rejects.toMatchObject({ code: "ERR_BUILDKIT_CLOSED" });
        await expect(writer.commit()).rejects.toMatchObject({ code: "ERR_BUILDKIT_CLOSED" });
      }),
    );
  });
}
