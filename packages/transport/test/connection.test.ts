import { create, toBinary } from "@bufbuild/protobuf";
import { StringValueSchema } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import {
  ConnectionLostError,
  createDialer,
  openConnection,
  parseAddress,
  scopedStream,
} from "../src/index.ts";
import { Echo } from "./support/echo.ts";
import { emptyCall } from "./support/empty-call.ts";
import { answer, frame, listenHttp2, type Peer } from "./support/peer.ts";

const text = (value: string) => toBinary(StringValueSchema, create(StringValueSchema, { value }));
const open = async (peer: Peer) =>
  openConnection(await createDialer(parseAddress(`unix://${peer.path}`)), {
    signal: new AbortController().signal,
  });

describe("Connection", () => {
  it("calls, and asks for no compression", async () => {
    let seen: string[] = [];
    await using peer = await listenHttp2((stream, _path, raw) => {
      seen = raw;
      answer(stream, { message: text("pong") });
    });
    await using connection = await open(peer);
    const reply = await createClient(Echo, connection.rpc).once({ value: "ping" });
    expect(reply.value).toBe("pong");
    expect(seen).toContain("/test.Echo/Once");
    expect(seen).not.toContain("grpc-accept-encoding");
  });

  it("gives the daemon's status with its details", async () => {
    // google.rpc.Status { code 2, message "boom", details [Any { type_url "t/errdefs.Vertex+json", value "{}" }] }
    const url = "github.com/moby/buildkit/errdefs.Vertex+json";
    const any = Buffer.concat([
      Buffer.from([0x0a, url.length]),
      Buffer.from(url),
      Buffer.from([0x12, 2]),
      Buffer.from("{}"),
    ]);
    const status = Buffer.concat([
      Buffer.from([8, 2, 0x12, 4]),
      Buffer.from("boom"),
      Buffer.from([0x1a, any.length]),
      any,
    ]);
    await using peer = await listenHttp2((stream) =>
      answer(stream, {
        status: 2,
        text: "boom",
        trailers: { "grpc-status-details-bin": status.toString("base64") },
      }),
    );
    await using connection = await open(peer);
    await expect(createClient(Echo, connection.rpc).once({})).rejects.toMatchObject({
      code: "ERR_BUILDKIT_STATUS",
      method: "/test.Echo/Once",
      status: "Unknown",
      text: "boom",
      reset: false,
      details: [{ type: "errdefs.Vertex+json", value: new Uint8Array(Buffer.from("{}")) }],
    });
  });

  it("tells a stream that was reset from one that was answered; the others go on", async () => {
    await using peer = await listenHttp2((stream, path) =>
      path.endsWith("Once") ? stream.close(2) : answer(stream, { message: text("fine") }),
    );
    await using connection = await open(peer);
    const echo = createClient(Echo, connection.rpc);
    await expect(echo.once({})).rejects.toMatchObject({ status: "Internal", reset: true });
    const values: string[] = [];
    for await (const message of echo.many({})) values.push(message.value);
    expect(values).toEqual(["fine"]);
  });

  it("sends a repeated metadata name as lines of its own", async () => {
    let seen: string[] = [];
    await using peer = await listenHttp2((stream, _path, raw) => {
      seen = raw;
      answer(stream);
    });
    await using connection = await open(peer);
    await emptyCall(connection, "/a/B", [
      ["x-method", "/one/Two"],
      ["x-key", ""],
      ["x-method", "/three/Four"],
    ]);
    const lines = seen.filter((_, index) => seen[index - 1] === "x-method");
    expect(lines).toEqual(["/one/Two", "/three/Four"]);
    expect(seen[seen.indexOf("x-key") + 1]).toBe("");
  });

  it("gives the headers and trailers of an answer, and takes the caller's", async () => {
    let seen: string[] = [];
    await using peer = await listenHttp2((stream, _path, raw) => {
      seen = raw;
      answer(stream, { message: text("pong"), trailers: { "x-last": "word" } });
    });
    await using connection = await open(peer);
    const got: (string | null)[] = [];
    await createClient(Echo, connection.rpc).once(
      {},
      {
        headers: { "X-Mine": "yes" },
        onHeader: (headers) => got.push(headers.get("Content-Type"), headers.get("absent")),
        onTrailer: (trailers) => got.push(trailers.get("X-Last")),
      },
    );
    expect(got).toEqual(["application/grpc", null, "word"]);
    expect(seen[seen.indexOf("x-mine") + 1]).toBe("yes");
  });

  it("tells a stream that was reset before its answer by the code's own status", async () => {
    await using peer = await listenHttp2((stream) => stream.close(11));
    await using connection = await open(peer);
    const call = createClient(Echo, connection.rpc).once({});
    await expect(call).rejects.toMatchObject({ status: "ResourceExhausted", reset: true });
  });

  it("tells an answer that ends without a status", async () => {
    await using peer = await listenHttp2((stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" });
      stream.end(frame(text("no more")));
    });
    await using connection = await open(peer);
    const call = createClient(Echo, connection.rpc).once({});
    await expect(call).rejects.toMatchObject({ status: "Internal", reset: false });
  });

  it("does not dial for a signal that has aborted", async () => {
    await using peer = await listenHttp2(() => {});
    const dialer = await createDialer(parseAddress(`unix://${peer.path}`));
    const reason = new Error("too late");
    await expect(dialer.dial(AbortSignal.abort(reason))).rejects.toBe(reason);
    await expect.poll(() => peer.sockets.size).toBe(0);
  });

  it("leaving a loop cancels the call", async () => {
    let ended: (code: number | undefined) => void;
    const cancelled = new Promise<number | undefined>((resolve) => {
      ended = resolve;
    });
    await using peer = await listenHttp2((stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" });
      stream.write(frame(text("first")));
      stream.once("close", () => ended(stream.rstCode));
    });
    await using connection = await open(peer);
    const echo = createClient(Echo, connection.rpc);
    for await (const message of scopedStream((signal) => echo.many({}, { signal }))) {
      expect(message.value).toBe("first");
      break;
    }
    expect(await cancelled).toBe(8);
  });

  it("an aborted call is given up with the code that says so, whatever the reason", async () => {
    const abort = new AbortController();
    const codes: number[] = [];
    await using peer = await listenHttp2((stream) => {
      stream.once("close", () => codes.push(stream.rstCode));
      abort.abort(new TypeError("mine"));
    });
    await using connection = await open(peer);
    const call = createClient(Echo, connection.rpc).once({}, { signal: abort.signal });
    await expect(call).rejects.toThrow("mine");
    await expect.poll(() => codes).toEqual([8]);
  });

  it("an aborted call rejects with the signal's reason", async () => {
    await using peer = await listenHttp2(() => {});
    await using connection = await open(peer);
    const abort = new AbortController();
    const reason = new Error("enough");
    const call = createClient(Echo, connection.rpc).once({}, { signal: abort.signal });
    abort.abort(reason);
    await expect(call).rejects.toBe(reason);
  });

  it("fails what runs and what comes when the connection is lost", async () => {
    await using peer = await listenHttp2(() => {
      setImmediate(() => {
        for (const socket of peer.sockets) socket.destroy();
      });
    });
    await using connection = await open(peer);
    const echo = createClient(Echo, connection.rpc);
    const lost = await echo.once({}).catch((error: unknown) => error);
    expect(lost).toBeInstanceOf(ConnectionLostError);
    expect((lost as Error).message).toContain(`the connection to unix://${peer.path} was lost`);
    expect(connection.usable).toBe(false);
    expect(connection.lost.reason).toBe(lost);
    await expect(echo.once({})).rejects.toBeInstanceOf(ConnectionLostError);
    await expect(emptyCall(connection, "/a/B")).rejects.toBeInstanceOf(ConnectionLostError);
  });

  it("takes no new call once the daemon says that it goes away, and finishes the old", async () => {
    let finish = () => {};
    await using peer = await listenHttp2((stream) => {
      stream.session?.goaway(0, stream.id);
      finish = () => answer(stream, { message: text("late") });
    });
    await using connection = await open(peer);
    const echo = createClient(Echo, connection.rpc);
    const running = echo.once({});
    await expect.poll(() => connection.usable).toBe(false);
    await expect(echo.once({})).rejects.toThrow("shutting down");
    finish();
    expect((await running).value).toBe("late");
  });

  it("closing fails what runs", async () => {
    await using peer = await listenHttp2(() => {});
    const connection = await open(peer);
    const running = createClient(Echo, connection.rpc).once({});
    const outcome = running.catch((error: unknown) => error);
    await connection.close();
    expect(await outcome).toMatchObject({ code: "ERR_BUILDKIT_CLOSED" });
    await connection.close();
  });
});
