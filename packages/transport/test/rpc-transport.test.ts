import type { ServerHttp2Stream } from "node:http2";
import { setTimeout as delay } from "node:timers/promises";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { StringValueSchema } from "@bufbuild/protobuf/wkt";
import { type CallOptions, type Client, createClient } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import {
  type Connection,
  ConnectionLostError,
  createDialer,
  openConnection,
  parseAddress,
  StatusError,
  scopedStream,
} from "../src/index.ts";
import { Echo } from "./support/echo.ts";
import { answer, frame, listenHttp2, type Peer } from "./support/peer.ts";

type Message = MessageInitShape<typeof StringValueSchema>;

const text = (value: string) => toBinary(StringValueSchema, create(StringValueSchema, { value }));
const grpc = { ":status": 200, "content-type": "application/grpc" };
const mebibyte = 1 << 20;
const maxMessageBytes = 16 * mebibyte;

type OnCall = (stream: ServerHttp2Stream, path: string, rawHeaders: string[]) => void | Promise<void>;

interface Served extends AsyncDisposable {
  readonly echo: Client<typeof Echo>;
  readonly connection: Connection;
  readonly peer: Peer;
  /** How each call was reset that is over, in HTTP/2's codes. */
  readonly resets: readonly number[];
}

/** A connection to a daemon that answers each call with `onCall`. */
async function serve(onCall: OnCall): Promise<Served> {
  const resets: number[] = [];
  const peer = await listenHttp2((stream, ...call) => {
    stream.once("close", () => resets.push(stream.rstCode));
    void onCall(stream, ...call);
  });
  const dialer = await createDialer(parseAddress(`unix://${peer.path}`));
  const connection = await openConnection(dialer, { signal: AbortSignal.timeout(10_000) });
  return {
    echo: createClient(Echo, connection.rpc),
    connection,
    peer,
    resets,
    [Symbol.asyncDispose]: async () => {
      await connection.close();
      await peer[Symbol.asyncDispose]();
    },
  };
}

/** The messages that a client sends, in the words of the protocol. */
async function* received(stream: ServerHttp2Stream): AsyncGenerator<string, void, undefined> {
  let bytes = Buffer.alloc(0);
  for await (const piece of stream as AsyncIterable<Buffer>) {
    bytes = Buffer.concat([bytes, piece]);
    while (bytes.length >= 5 && bytes.length >= 5 + bytes.readUInt32BE(1)) {
      const end = 5 + bytes.readUInt32BE(1);
      yield fromBinary(StringValueSchema, bytes.subarray(5, end)).value;
      bytes = bytes.subarray(end);
    }
  }
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => new Error("it did not reject"),
    (error: unknown) => error,
  );
}

/** Resolves when a count that has begun goes up no more. */
async function stands(count: () => number): Promise<void> {
  await expect.poll(count).toBeGreaterThan(0);
  for (let last = 0; last !== count(); ) {
    last = count();
    await delay(200);
  }
}

/** Requests that are told when nobody takes them any more; after those given, more may come. */
function requests(
  ...values: readonly string[]
): AsyncIterable<Message> & { readonly returned: Promise<void> } {
  let onReturn = () => {};
  const returned = new Promise<void>((resolve) => {
    onReturn = resolve;
  });
  const waiting = values.map((value) => ({ value }));
  return {
    returned,
    [Symbol.asyncIterator]: () => ({
      next: async () => {
        const value = waiting.shift();
        return value === undefined ? new Promise(() => {}) : { done: false, value };
      },
      return: async () => {
        onReturn();
        return { done: true, value: undefined };
      },
    }),
  };
}

describe("calls of connect's clients", () => {
  it("send a stream of requests for one answer", async () => {
    await using it = await serve(async (stream) => {
      const values = await all(received(stream));
      answer(stream, { message: text(values.join()) });
    });
    async function* values() {
      for (const value of ["one", "two", "three"]) yield { value };
    }
    expect((await it.echo.gather(values())).value).toBe("one,two,three");
  });

  it("talk both ways at once", async () => {
    await using it = await serve(async (stream) => {
      stream.respond(grpc, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      for await (const value of received(stream)) stream.write(frame(text(`${value}!`)));
      stream.end();
    });
    const heard: string[] = [];
    let hear = () => {};
    async function* replies() {
      yield { value: "first" };
      await new Promise<void>((resolve) => {
        hear = resolve;
      });
      yield { value: "second" };
    }
    for await (const { value } of it.echo.talk(replies())) {
      heard.push(value);
      hear();
    }
    expect(heard).toEqual(["first!", "second!"]);
  });

  it.each<[what: string, headers: NonNullable<CallOptions["headers"]>]>([
    ["an object", { "X-Mine": "yes" }],
    ["pairs", [["X-Mine", "yes"]]],
    ["headers", new Headers({ "X-Mine": "yes" })],
  ])("take metadata as %s", async (_what, headers) => {
    let seen: string[] = [];
    await using it = await serve((stream, _path, raw) => {
      seen = raw;
      answer(stream, { message: text("") });
    });
    await it.echo.once({}, { headers });
    expect(seen[seen.indexOf("x-mine") + 1]).toBe("yes");
  });

  it("give what came before the status, then its error", async () => {
    await using it = await serve((stream) =>
      answer(stream, { message: text("part"), status: 5, text: "no more" }),
    );
    const values: string[] = [];
    const read = async () => {
      for await (const { value } of it.echo.many({})) values.push(value);
    };
    await expect(read()).rejects.toMatchObject({
      status: "NotFound",
      text: "no more",
      method: "/test.Echo/Many",
    });
    expect(values).toEqual(["part"]);
  });

  it("make a daemon wait for a caller who does not read, and give everything in the end", async () => {
    let sent = 0;
    await using it = await serve((stream) => {
      stream.respond(grpc, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      const message = frame(text("x".repeat(mebibyte)));
      const send = () => (sent++ < 64 ? stream.write(message, send) : stream.end());
      send();
    });
    const messages = it.echo.many({})[Symbol.asyncIterator]();
    await messages.next();
    await stands(() => sent);
    expect(sent).toBeLessThan(16);
    let rest = 0;
    while ((await messages.next()).done !== true) rest++;
    expect(rest).toBe(63);
  });

  it("take no more requests than there is room for", async () => {
    let stream: ServerHttp2Stream | undefined;
    await using it = await serve((opened) => {
      stream = opened;
    });
    let given = 0;
    async function* values() {
      while (given++ < 24) yield { value: "x".repeat(mebibyte) };
    }
    const reply = it.echo.gather(values());
    await expect.poll(() => stream).toBeDefined();
    await stands(() => given);
    expect(given).toBeLessThan(8);
    if (stream === undefined) throw new Error("there is no call");
    const taken = await all(received(stream));
    expect(taken.map(({ length }) => length)).toEqual(Array(24).fill(mebibyte));
    answer(stream, { message: text("all") });
    expect((await reply).value).toBe("all");
  });

  it("end with the reason of their signal at once, and are given up", async () => {
    await using it = await serve((stream) => {
      stream.respond(grpc);
      stream.write(frame(text("first")));
    });
    const abort = new AbortController();
    const source = requests("question");
    const messages = it.echo.talk(source, { signal: abort.signal })[Symbol.asyncIterator]();
    expect((await messages.next()).value.value).toBe("first");
    const next = messages.next();
    const reason = new Error("enough");
    abort.abort(reason);
    expect(await rejection(next)).toBe(reason);
    await expect.poll(() => it.resets).toEqual([8]);
    await source.returned;
  });

  it("do not begin with a signal that has aborted", async () => {
    let calls = 0;
    await using it = await serve(() => {
      calls++;
    });
    const reason = new Error("too late");
    const signal = AbortSignal.abort(reason);
    expect(await rejection(it.echo.once({}, { signal }))).toBe(reason);
    expect(await rejection(all(it.echo.many({}, { signal })))).toBe(reason);
    let iterated = 0;
    const source = { [Symbol.asyncIterator]: () => requests(`${iterated++}`)[Symbol.asyncIterator]() };
    expect(await rejection(all(it.echo.talk(source, { signal })))).toBe(reason);
    expect([calls, iterated]).toEqual([0, 0]);
  });

  it("end with what their requests throw, which gives them up", async () => {
    let stream: ServerHttp2Stream | undefined;
    await using it = await serve((opened) => {
      stream = opened;
    });
    const broken = new TypeError("mine");
    async function* values() {
      yield { value: "one" };
      await expect.poll(() => stream).toBeDefined();
      throw broken;
    }
    expect(await rejection(it.echo.gather(values()))).toBe(broken);
    await expect.poll(() => it.resets).toEqual([8]);
  });

  it("return the requests when they end before them", async () => {
    await using it = await serve((stream) => answer(stream, { status: 9, text: "enough" }));
    const source = requests("one");
    await expect(it.echo.gather(source)).rejects.toMatchObject({ status: "FailedPrecondition" });
    await source.returned;
  });

  it("fail with the connection, in the middle of a stream", async () => {
    await using it = await serve((stream) => {
      stream.respond(grpc);
      stream.write(frame(text("first")));
    });
    const messages = it.echo.many({})[Symbol.asyncIterator]();
    await messages.next();
    const next = rejection(messages.next());
    for (const socket of it.peer.sockets) socket.destroy();
    expect(await next).toBeInstanceOf(ConnectionLostError);
  });

  it.each([
    ["the loss of the connection", undefined, { name: "ConnectionLostError" }],
    ["the daemon's status", { "grpc-status": "5" }, { status: "NotFound" }],
  ])("give all that came before the connection was lost, then %s", async (_, trailers, error) => {
    const sent = ["a", "b", "c", "d", "e", "f"];
    await using it = await serve((stream, path) => {
      if (!path.endsWith("/Many")) return answer(stream, { status: 0 });
      stream.respond(grpc, { waitForTrailers: true });
      for (const value of sent) stream.write(frame(text(value)));
      if (trailers === undefined) return;
      stream.on("wantTrailers", () => stream.sendTrailers(trailers));
      stream.end();
    });
    const messages = it.echo.many({})[Symbol.asyncIterator]();
    const values = [(await messages.next()).value?.value];
    // Its answer comes behind all of the stream.
    await it.echo.once({}).catch(() => {});
    for (const socket of it.peer.sockets) socket.destroy();
    await expect.poll(() => it.connection.lost.aborted).toBe(true);
    while (values.length < sent.length) values.push((await messages.next()).value?.value);
    expect(values).toEqual(sent);
    await expect(messages.next()).rejects.toMatchObject(error);
  });

  it("end at their time limit, which the daemon is told", async () => {
    const limits: (string | undefined)[] = [];
    let stream: ServerHttp2Stream | undefined;
    await using it = await serve((opened, _path, raw) => {
      const at = raw.indexOf("grpc-timeout");
      limits.push(at < 0 ? undefined : raw[at + 1]);
      if (limits.length > 1) answer(opened, { message: text("") });
      else stream = opened;
    });
    await expect(it.echo.once({}, { timeoutMs: 20.5 })).rejects.toMatchObject({ status: "DeadlineExceeded" });
    await expect.poll(() => stream?.rstCode).toBe(8);
    await it.echo.once({}, { timeoutMs: 0 });
    await it.echo.once({}, { timeoutMs: 1e9 });
    expect(limits).toEqual(["21m", undefined, "1000000S"]);
  });

  it("send nothing larger than a daemon takes", async () => {
    let calls = 0;
    await using it = await serve((stream) => {
      calls++;
      stream.resume();
    });
    const value = "x".repeat(maxMessageBytes);
    const tooLarge = {
      status: "ResourceExhausted",
      reset: false,
      text: expect.stringContaining("16777216 at most"),
    };
    await expect(it.echo.once({ value })).rejects.toMatchObject(tooLarge);
    expect(calls).toBe(0);
    await expect(all(it.echo.many({ value }))).rejects.toMatchObject(tooLarge);
  });

  it("take an answer as large as a message may be", async () => {
    const value = "x".repeat(maxMessageBytes - 5);
    expect(text(value)).toHaveLength(maxMessageBytes);
    await using it = await serve((stream) => answer(stream, { message: text(value) }));
    expect((await it.echo.once({})).value).toHaveLength(value.length);
  });

  it.each<[what: string, respond: (stream: ServerHttp2Stream) => void, status: string, says: string]>([
    ["a gateway's error page", page(502), "Unavailable", "HTTP status 502"],
    ["a page that is not there", page(404), "Unimplemented", "HTTP status 404"],
    ["a request for a login", page(401), "Unauthenticated", "HTTP status 401"],
    ["a redirection", page(302), "Unknown", "HTTP status 302"],
    ["a page", page(200), "Unknown", "text/html in place of gRPC"],
    ["no message", (stream) => answer(stream), "Internal", "the answer has no message"],
    ["two messages", respondWith(frame(text("one")), frame(text("two"))), "Internal", "a second message"],
    ["half a message", respondWith(frame(text("one")).subarray(0, 6)), "Internal", "ends within a message"],
    [
      "bytes that are none",
      respondWith(frame(Buffer.from([0xff]))),
      "Internal",
      "cannot be read as google.protobuf.StringValue",
    ],
    ["a compressed message", respondWith(Buffer.from([1, 0, 0, 0, 0])), "Internal", "compressed"],
    [
      "a message that is too large",
      respondWith(Buffer.from([0, 1, 0, 0, 1])),
      "ResourceExhausted",
      "16777217",
    ],
  ])("tell of an answer that is none: %s", async (_what, respond, status, says) => {
    await using it = await serve(respond);
    const error = await rejection(it.echo.once({}));
    expect(error).toBeInstanceOf(StatusError);
    expect(error).toMatchObject({
      status,
      text: expect.stringContaining(says),
      method: "/test.Echo/Once",
      reset: false,
    });
    // The connection is none the worse for it.
    expect(it.connection.usable).toBe(true);
  });

  it("tell of a stream's answer that is none", async () => {
    await using it = await serve(page(503));
    await expect(all(it.echo.many({}))).rejects.toMatchObject({ status: "Unavailable" });
  });

  it("know an error by its status although its details cannot be read", async () => {
    const trailers = { "grpc-status-details-bin": Buffer.from([0xff]).toString("base64") };
    await using it = await serve((stream) => answer(stream, { status: 7, text: "no", trailers }));
    await expect(it.echo.once({})).rejects.toMatchObject({
      status: "PermissionDenied",
      text: "no",
      details: [],
    });
  });

  it("leave nothing behind when a loop over them is left while the daemon waits", async () => {
    await using it = await serve((stream) => {
      stream.respond(grpc);
      for (let index = 0; index < 32; index++) stream.write(frame(text("x".repeat(mebibyte))));
    });
    for await (const _ of scopedStream((signal) => it.echo.many({}, { signal }))) break;
    await expect.poll(() => it.resets).toEqual([8]);
  });
});

/** A web server's answer. */
function page(status: number): (stream: ServerHttp2Stream) => void {
  return (stream) => {
    stream.respond({ ":status": status, "content-type": "text/html" });
    stream.end("<html>hello</html>");
  };
}

function respondWith(...pieces: readonly Buffer[]): (stream: ServerHttp2Stream) => void {
  return (stream) => {
    stream.respond(grpc, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    for (const piece of pieces) stream.write(piece);
    stream.end();
  };
}
