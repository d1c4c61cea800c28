import { connect, constants } from "node:http2";
import { duplexPair } from "node:stream";
import { frameMessage, serveGrpc } from "@buildkit-node/transport/internal";
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
