import { randomBytes } from "node:crypto";
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import { type Duplex, duplexPair } from "node:stream";
import { CallError, type CallHandler, StatusCode } from "@buildkit-node/transport";
import { type GrpcServer, serveGrpc } from "@buildkit-node/transport/internal";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";

interface Served {
  readonly server: GrpcServer;
  readonly client: ClientHttp2Session;
  readonly pipe: Duplex;
}

function serve(
  handlers: Readonly<Record<string, CallHandler>>,
  clientOptions: Parameters<typeof connect>[1] = {},
): Served {
  const [ours, theirs] = duplexPair();
  ours.on("error", () => {});
  const server = serveGrpc(ours, { handlers: new Map(Object.entries(handlers)) });
  const client = connect("http://localhost", {
    createConnection: () => theirs,
    maxSendHeaderBlockLength: 2 ** 25,
    ...clientOptions,
  });
  client.on("error", () => {});
  onTestFinished(() => client.destroy());
  return { server, client, pipe: ours };
}

function request(
  client: ClientHttp2Session,
  path: string,
  headers: Record<string, string | string[]> = {},
): ClientHttp2Stream {
  const stream = client.request(
    { ":method": "POST", ":path": path, te: "trailers", ...headers },
    { endStream: false },
  );
  stream.on("error", () => {});
  return stream;
}

interface Answer {
  readonly headers: Record<string, unknown>;
  readonly trailers: Record<string, unknown>;
  readonly messages: Buffer[];
  readonly body: Buffer;
}

async function answer(stream: ClientHttp2Stream): Promise<Answer> {
  let headers = {};
  let trailers = {};
  const chunks: Buffer[] = [];
  stream.on("response", (received) => (headers = { ...received }));
  stream.on("trailers", (received) => (trailers = { ...received }));
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  await new Promise((resolve) => stream.once("close", resolve));
  const body = Buffer.concat(chunks);
  const messages: Buffer[] = [];
  for (let at = 0; at + 5 <= body.length; at += 5 + body.readUInt32BE(at + 1)) {
    messages.push(body.subarray(at + 5, at + 5 + body.readUInt32BE(at + 1)));
  }
  return { headers, trailers, messages, body };
}

function framed(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

const echo: CallHandler = async (call) => {
  for await (const message of call.messages()) if (!call.send(message)) await call.writable();
};

describe("a gRPC server over a pipe", () => {
  it("answers messages with messages, and a status in the trailers", async () => {
    const { client } = serve({ "/test/Echo": echo });
    const stream = request(client, "/test/Echo");
    stream.end(
      Buffer.concat([framed(Buffer.from("one")), framed(Buffer.alloc(0)), framed(Buffer.from("three"))]),
    );
    const { headers, trailers, messages } = await answer(stream);
    expect(headers).toMatchObject({ ":status": 200, "content-type": "application/grpc" });
    expect(trailers).toMatchObject({ "grpc-status": "0" });
    expect(messages.map(String)).toEqual(["one", "", "three"]);
  });

  it("answers with trailers alone where there is no message, whatever the status", async () => {
    const { client } = serve({
      "/test/Ok": async () => {},
      "/test/Fails": async () => {
        throw new CallError(StatusCode.notFound, "no “x”, 100 %\n");
      },
      "/test/Breaks": async () => {
        throw new Error("broken");
      },
    });
    const statuses = await Promise.all(
      ["/test/Ok", "/test/Fails", "/test/Breaks", "/test/Missing"].map((path) =>
        answer(request(client, path)),
      ),
    );
    expect(statuses.map(({ headers }) => [headers["grpc-status"], headers["grpc-message"]])).toEqual([
      ["0", undefined],
      ["5", "no %E2%80%9Cx%E2%80%9D, 100 %25%0A"],
      ["2", "broken"],
      ["12", "unknown method /test/Missing"],
    ]);
    for (const { trailers } of statuses) expect(trailers).toEqual({});
  });

  it("refuses a message that is compressed, too large, or cut short", async () => {
    const { client } = serve({ "/test/Echo": echo });
    const bodies = [
      Buffer.from([1, 0, 0, 0, 0]),
      Buffer.from([0, 1, 0, 0, 1]),
      Buffer.from([0, 0, 0, 0, 9, 1]),
    ];
    for (const body of bodies) {
      const stream = request(client, "/test/Echo");
      stream.end(body);
      expect((await answer(stream)).headers["grpc-status"]).not.toBe("0");
    }
  });

  it("gives header lines as they were sent: repeated, with commas, coded in any way", async () => {
    const seen: (readonly (readonly [string, string])[])[] = [];
    const { client } = serve({
      "/test/Headers": async (call) => {
        seen.push(call.metadata.pairs.filter(([name]) => name.startsWith("x-")));
      },
    });
    const values = fc.array(
      fc.tuple(
        fc.stringMatching(/^x-[a-z0-9-]{0,20}$/),
        fc.string({
          unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
          maxLength: 200,
        }),
      ),
      { maxLength: 30 },
    );
    await fc.assert(
      fc.asyncProperty(values, async (lines) => {
        const headers: Record<string, string[]> = {};
        for (const [name, value] of lines) headers[name] = [...(headers[name] ?? []), value.trim()];
        // Twice: the second time the client refers to what it has sent before.
        for (let times = 0; times < 2; times++) {
          const stream = request(client, "/test/Headers", headers);
          stream.end();
          await answer(stream);
          const expected = Object.entries(headers).flatMap(([name, all]) =>
            all.map((value) => [name, value]),
          );
          expect(seen.pop()).toEqual(expected);
        }
      }),
      { numRuns: 100 },
    );
  });

  it("takes headers of a megabyte in one request, and goes on with the next", async () => {
    let lines = 0;
    const { client } = serve({
      "/test/Headers": async (call) => {
        lines = call.metadata.getAll("rule").length;
      },
    });
    const rules = Array.from({ length: 10_000 }, (_, n) => `${n} ${"long ".repeat(20)}`);
    for (const count of [10_000, 1]) {
      const stream = request(client, "/test/Headers", { rule: rules.slice(0, count) });
      stream.end();
      expect((await answer(stream)).headers["grpc-status"]).toBe("0");
      expect(lines).toBe(count);
    }
  });

  it("moves large messages both ways, on several calls at a time", async () => {
    const { client } = serve({ "/test/Echo": echo });
    const sent = Array.from({ length: 4 }, (_, n) =>
      Array.from({ length: 8 }, () => randomBytes(300_000 * n + 7)),
    );
    const received = await Promise.all(
      sent.map((messages) => {
        const stream = request(client, "/test/Echo");
        for (const message of messages) stream.write(framed(message));
        stream.end();
        return answer(stream);
      }),
    );
    for (const [index, { messages, trailers }] of received.entries()) {
      expect(trailers["grpc-status"]).toBe("0");
      expect(Buffer.concat(messages).equals(Buffer.concat(sent[index] ?? []))).toBe(true);
    }
  });

  it("holds back what a client does not read, in little memory, and lets other calls through", async () => {
    let sent = 0;
    const { client } = serve({
      "/test/Flood": async (call) => {
        for (; sent < 1000; sent++) if (!call.send(Buffer.alloc(100_000))) await call.writable();
      },
      "/test/Echo": echo,
    });
    const flood = request(client, "/test/Flood");
    flood.pause();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(sent).toBeLessThan(50);
    const other = request(client, "/test/Echo");
    other.end(framed(Buffer.from("through")));
    expect((await answer(other)).messages.map(String)).toEqual(["through"]);
    flood.resume();
    const { messages, trailers } = await answer(flood);
    expect([messages.length, trailers["grpc-status"]]).toEqual([1000, "0"]);
  });

  it("makes a client wait that sends more than its reader takes", async () => {
    let resume: () => void = () => {};
    let received = 0;
    const { client } = serve({
      "/test/Slow": async (call) => {
        const reading = call.read((message) => {
          received += message.length;
        });
        call.pause();
        resume = () => call.resume();
        await reading;
      },
    });
    const stream = request(client, "/test/Slow");
    let written = 0;
    for (let n = 0; n < 100; n++) stream.write(framed(Buffer.alloc(200_000)), () => written++);
    stream.end();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(received).toBe(0);
    expect(written).toBeLessThan(50);
    resume();
    expect((await answer(stream)).headers["grpc-status"]).toBe("0");
    expect(received).toBe(20_000_000);
  });

  it("takes a message that is larger than the window although its reader has paused in between", async () => {
    let size = 0;
    const { client } = serve({
      "/test/Large": async (call) => {
        for await (const message of call.messages()) {
          await new Promise((resolve) => setTimeout(resolve, 5));
          size += message.length;
        }
      },
    });
    const stream = request(client, "/test/Large");
    for (let n = 0; n < 3; n++) stream.write(framed(Buffer.alloc(15 << 20)));
    stream.end();
    expect((await answer(stream)).headers["grpc-status"]).toBe("0");
    expect(size).toBe(45 << 20);
  });

  it("tells a handler when its client gives up, and answers nothing", async () => {
    let signal: AbortSignal | undefined;
    let outcome: unknown;
    const { client, server } = serve({
      "/test/Waits": async (call) => {
        signal = call.signal;
        await call.read(() => {}).catch((error: unknown) => (outcome = error));
        await call.writable();
      },
    });
    const stream = request(client, "/test/Waits");
    await expect.poll(() => signal).toBeDefined();
    expect(server.activeCalls).toBe(1);
    stream.destroy();
    await expect.poll(() => signal?.aborted).toBe(true);
    expect(outcome).toBe(signal?.reason);
    await server.idle();
    expect(server.activeCalls).toBe(0);
  });

  it("lets a handler end a call whose client is still sending", async () => {
    const { client } = serve({
      "/test/First": async (call) => {
        for await (const message of call.messages()) {
          call.send(message);
          return;
        }
      },
    });
    const stream = request(client, "/test/First");
    stream.write(framed(Buffer.from("first")));
    const { messages, trailers } = await answer(stream);
    expect([messages.map(String), trailers["grpc-status"]]).toEqual([["first"], "0"]);
  });

  it("loses every call with its pipe, and is closed then", async () => {
    const lost: unknown[] = [];
    const { client, server, pipe } = serve({
      "/test/Waits": async (call) => {
        await call.read(() => {}).catch((error: unknown) => lost.push(error));
      },
    });
    const streams = [request(client, "/test/Waits"), request(client, "/test/Waits")];
    await expect.poll(() => server.activeCalls).toBe(2);
    pipe.destroy(new Error("cable cut"));
    expect(await server.closed).toMatchObject({ message: "cable cut" });
    expect(lost).toHaveLength(2);
    expect(lost[0]).toMatchObject({ resetCode: undefined });
    for (const stream of streams) stream.destroy();
  });

  it("never says goodbye by itself: a client that sees a GOAWAY would not call again", async () => {
    const { client, server } = serve({ "/test/Echo": echo });
    let goaway = false;
    client.on("goaway", () => (goaway = true));
    const stream = request(client, "/test/Echo");
    stream.end();
    await answer(stream);
    server.destroy();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(goaway).toBe(false);
  });
});

describe("a peer that breaks HTTP/2", () => {
  const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  const frame = (type: number, flags: number, id: number, payload: readonly number[]): Buffer =>
    Buffer.from([0, payload.length >> 8, payload.length & 255, type, flags, 0, 0, 0, id, ...payload]);
  const settings = frame(4, 0, 0, []);
  const cases: readonly (readonly [string, Buffer])[] = [
    ["something else", Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")],
    [
      "a frame that is too large",
      Buffer.concat([preface, settings, Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, 1])]),
    ],
    [
      "a header block that is none",
      Buffer.concat([preface, settings, frame(1, 4, 1, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])]),
    ],
    ["an entry that does not exist", Buffer.concat([preface, settings, frame(1, 4, 1, [0xff, 0x20])])],
    ["a string that does not end", Buffer.concat([preface, settings, frame(1, 4, 1, [0x00, 0x05, 0x61])])],
    [
      "a Huffman code that is none",
      Buffer.concat([preface, settings, frame(1, 4, 1, [0x00, 0x84, 0xff, 0xff, 0xff, 0xff, 0x00])]),
    ],
    ["an even stream", Buffer.concat([preface, settings, frame(1, 4, 2, [])])],
    [
      "data between the parts of a header block",
      Buffer.concat([preface, settings, frame(1, 0, 1, []), frame(6, 0, 0, [0, 0, 0, 0, 0, 0, 0, 0])]),
    ],
    ["a continuation of nothing", Buffer.concat([preface, settings, frame(9, 4, 1, [])])],
    ["padding without end", Buffer.concat([preface, settings, frame(0, 8, 1, [9, 1])])],
    [
      "a window that is too large",
      Buffer.concat([preface, settings, frame(8, 0, 0, [0x7f, 0xff, 0xff, 0xff])]),
    ],
    ["a reset that is too short", Buffer.concat([preface, settings, frame(3, 0, 1, [1])])],
  ];

  it.each(cases)("loses its connection: %s", async (_name, bytes) => {
    for (const step of [bytes.length, 1]) {
      const [ours, theirs] = duplexPair();
      for (const end of [ours, theirs]) end.on("error", () => {});
      const server = serveGrpc(ours, { handlers: new Map() });
      theirs.resume();
      for (let at = 0; at < bytes.length; at += step) theirs.write(bytes.subarray(at, at + step));
      expect(await server.closed).toMatchObject({ code: "ERR_BUILDKIT_PROTOCOL" });
      expect(ours.destroyed).toBe(true);
    }
  });

  it("may send anything at all without more than that happening", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 60 })), async (chunks) => {
        const [ours, theirs] = duplexPair();
        for (const end of [ours, theirs]) end.on("error", () => {});
        const server = serveGrpc(ours, { handlers: new Map() });
        theirs.resume();
        theirs.write(Buffer.concat([preface, settings]));
        for (const chunk of chunks) theirs.write(chunk);
        theirs.end();
        await server.closed;
        theirs.destroy();
      }),
      { numRuns: 300 },
    );
  });
});
