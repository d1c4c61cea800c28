import { connect, constants } from "node:http2";
import { duplexPair } from "node:stream";
import type { ServerCall } from "@buildkit-node/transport";
import { framedBytesMessage, frameMessage, serveGrpc } from "@buildkit-node/transport/internal";
import { expect, it, onTestFinished } from "vitest";

/** `Promise.withResolvers`, which Node 20 lacks. */
function signal(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((fulfil) => {
    resolve = fulfil;
  });
  return { promise, resolve };
}

it("a writer that waits for room goes on although another has written since", async () => {
  const [ours, theirs] = duplexPair();
  const written = signal();
  const someTaken = signal();
  serveGrpc(theirs, {
    handlers: new Map([
      [
        "/test.Test/Write",
        async (call) => {
          expect(call.send(Buffer.alloc(1_200_000))).toBe(false);
          const room = call.writable();
          written.resolve();
          await someTaken.promise;
          // Half of what makes a call full has been sent, and not yet enough to say that there is room.
          call.send(Buffer.alloc(1));
          await room;
        },
      ],
    ]),
  });
  const client = connect("http://localhost", { createConnection: () => ours });
  onTestFinished(() => client.destroy());
  const stream = client.request({ ":method": "POST", ":path": "/test.Test/Write" });
  stream.end();
  await written.promise;
  let received = 0;
  for await (const chunk of stream) {
    received += chunk.length;
    if (received > 400_000) someTaken.resolve();
  }
  expect(received).toBe(1_200_000 + 1 + 2 * 5);
});

it("a reader that has paused still gets what came before the call was given up", async () => {
  const [ours, theirs] = duplexPair();
  const paused = signal();
  const over = signal();
  const received: string[] = [];
  serveGrpc(theirs, {
    handlers: new Map([
      [
        "/test.Test/Read",
        async (call) => {
          const reading = call.read((message) => {
            received.push(message.toString());
            call.pause();
            paused.resolve();
          });
          await expect(reading).rejects.toThrow("the peer gave the call up");
          over.resolve();
        },
      ],
    ]),
  });
  const client = connect("http://localhost", { createConnection: () => ours });
  onTestFinished(() => client.destroy());
  const stream = client.request({ ":method": "POST", ":path": "/test.Test/Read" });
  stream.on("error", () => {});
  stream.write(frameMessage(Buffer.from("first")));
  await paused.promise;
  await new Promise((resolve) => stream.write(frameMessage(Buffer.from("last")), resolve));
  stream.close(constants.NGHTTP2_CANCEL);
  await over.promise;
  expect(received).toEqual(["first", "last"]);
});

/**
 * What a call of bytes hands over of a body that comes in pieces of a size, and how it ends: `null`, or with its error.
 */
async function bytesOf(body: Buffer, pieceBytes: number): Promise<{ data: Buffer[]; end: unknown }> {
  const [ours, theirs] = duplexPair();
  const data: Buffer[] = [];
  let end: unknown;
  const over = signal();
  const read = async (call: ServerCall) => {
    const reading = call.readBytes((piece) => data.push(piece));
    end = await reading.then(
      () => null,
      (error: unknown) => error,
    );
    over.resolve();
  };
  serveGrpc(theirs, { handlers: new Map([["/test.Test/Read", read]]) });
  const client = connect("http://localhost", { createConnection: () => ours });
  onTestFinished(() => client.destroy());
  const stream = client.request({ ":method": "POST", ":path": "/test.Test/Read" });
  stream.on("error", () => {});
  for (let at = 0; at < body.length; at += pieceBytes) stream.write(body.subarray(at, at + pieceBytes));
  stream.end();
  await over.promise;
  return { data, end };
}

const bytesMessage = (data: Buffer) => Buffer.concat(framedBytesMessage(data));

it.each([1, 7, 1000])("bytes are handed over as they come, in pieces of %i", async (pieceBytes) => {
  const large = Buffer.from(Array.from({ length: 700 }, (_, index) => index % 251));
  const messages = [Buffer.from("ab"), large, Buffer.from("c")].map(bytesMessage);
  const body = Buffer.concat([frameMessage(Buffer.alloc(0)), bytesMessage(Buffer.alloc(0)), ...messages]);
  const { data, end } = await bytesOf(body, pieceBytes);
  expect(end).toBeNull();
  expect(Buffer.concat(data)).toEqual(Buffer.concat([Buffer.from("ab"), large, Buffer.from("c")]));
  expect(data.every(({ length }) => length > 0 && length <= pieceBytes)).toBe(true);
});

it.each([
  ["of another field", frameMessage(Buffer.from([0x12, 1, 65]))],
  ["with less data than its length", frameMessage(Buffer.from([0x0a, 1, 65, 66]))],
  ["with more data than its length", frameMessage(Buffer.from([0x0a, 9, 65]))],
  ["with a length without an end", frameMessage(Buffer.alloc(20, 0xff).fill(0x0a, 0, 1))],
  ["that is compressed", Buffer.from([1, 0, 0, 0, 3, 0x0a, 1, 65])],
  ["over the limit", Buffer.from([0, 0x7f, 0, 0, 0, 0x0a])],
])("bytes in a message %s are refused", async (_, body) => {
  for (const pieceBytes of [1, 100]) {
    const { data, end } = await bytesOf(body, pieceBytes);
    expect(end).toMatchObject({ code: "ERR_BUILDKIT_PROTOCOL" });
    expect(data).toEqual([]);
  }
});

it("bytes that end within a message are an error", async () => {
  for (const cut of [3, 6, 20]) {
    const { end } = await bytesOf(bytesMessage(Buffer.alloc(50)).subarray(0, cut), 100);
    expect(end).toMatchObject({ message: "the request ends within a message" });
  }
});
