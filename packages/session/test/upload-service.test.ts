import { Readable } from "node:stream";
import { delay } from "@buildkit-node/core";
import { Upload } from "@buildkit-node/proto/upload";
import { type UploadService, uploadService } from "@buildkit-node/session";
import { StatusCode } from "@buildkit-node/transport";
import { bytesMessageData } from "@buildkit-node/transport/internal";
import { afterEach, beforeEach, expect, it } from "vitest";
import { sampleBytes } from "./content-store-compliance.ts";
import { callServices, openCall, type PeerCall, type ServicePeer } from "./support/service-peer.ts";

let uploads: UploadService;
let peer: ServicePeer;
beforeEach(async () => {
  uploads = uploadService();
  peer = await callServices(uploads);
});
afterEach(() => peer[Symbol.asyncDispose]());

function pull(url: string): Promise<PeerCall> {
  const { host, pathname } = new URL(url);
  return openCall(peer, Upload.method.pull, [
    ["urlhost", host],
    ["urlpath", pathname],
  ]);
}

async function pullAll(url: string): Promise<{ readonly bytes: Buffer; readonly largest: number }> {
  const call = await pull(url);
  const pieces: Buffer[] = [];
  for (let message = await call.next(); message !== undefined; message = await call.next()) {
    pieces.push(bytesMessageData(message));
  }
  call.cancel();
  return { bytes: Buffer.concat(pieces), largest: Math.max(0, ...pieces.map((piece) => piece.length)) };
}

async function* texts() {
  yield "a";
  yield "";
  yield "ü";
}

it("sends any stream to whoever asks for its URL", async () => {
  for (const source of [
    Buffer.from("aü"),
    Readable.from([Buffer.from("a"), Buffer.from("ü")]),
    Readable.toWeb(Readable.from([Buffer.from("aü")])),
    texts(),
  ]) {
    const url = uploads.add(source);
    expect(url).toMatch(/^http:\/\/buildkit-session\/[0-9a-z]{25}$/);
    expect((await pullAll(url)).bytes.toString()).toBe("aü");
  }
  expect((await pullAll(uploads.add(Buffer.alloc(0)))).bytes.length).toBe(0);
});

it("sends large pieces in messages that every daemon takes", async () => {
  const data = sampleBytes(10_000_000);
  const { bytes, largest } = await pullAll(uploads.add(data));
  expect(bytes.equals(data)).toBe(true);
  expect(largest).toBeLessThanOrEqual(3 * 1024 * 1024);
});

it("takes no more of a stream than the daemon does", async () => {
  let taken = 0;
  async function* endless() {
    for (;;) {
      taken++;
      yield Buffer.alloc(1024 * 1024);
    }
  }
  const call = await pull(uploads.add(endless()));
  await call.next();
  call.pause();
  await delay(200);
  expect(taken).toBeLessThan(100);
  call.cancel();
});

it("offers a stream once, and only under its own URL", async () => {
  const refusal = { code: "ERR_BUILDKIT_STATUS", status: StatusCode.notFound };
  const url = uploads.add(Buffer.from("once"));
  await expect(pullAll("http://buildkit-session/unknown")).rejects.toMatchObject(refusal);
  expect((await pullAll(url)).bytes.toString()).toBe("once");
  await expect(pullAll(url)).rejects.toMatchObject(refusal);
});

it("fails the build with the stream's own error", async () => {
  async function* breaking() {
    yield Buffer.from("a");
    throw new Error("the tap is dry");
  }
  await expect(pullAll(uploads.add(breaking()))).rejects.toThrow("the tap is dry");
});

it("leaves a stream that has nothing to give when the daemon breaks off", async () => {
  const source = new Readable({ read() {} });
  source.push("a");
  const call = await pull(uploads.add(source));
  await call.next();
  call.cancel();
  await expect.poll(() => source.destroyed).toBe(true);
});
