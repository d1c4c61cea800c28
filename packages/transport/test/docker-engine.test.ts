import { describe, expect, it } from "vitest";
import { ConnectError, Link } from "../src/index.ts";
import { emptyCall } from "./support/empty-call.ts";
import { answer, listen, listenEngine, type Peer } from "./support/peer.ts";

async function callThrough(peer: Peer): Promise<string | undefined> {
  await using link = await Link.open(`docker://${peer.path}`);
  const headers = await emptyCall(await link.connection(), "/test/Call");
  return headers.get(":status");
}

describe("the Docker Engine's way in", () => {
  it("asks an engine before API 1.53 for an upgrade", async () => {
    const seen: string[] = [];
    await using peer = await listenEngine({ apiVersion: "1.51", seen, onStream: (stream) => answer(stream) });
    expect(await callThrough(peer)).toBe("200");
    expect(seen).toEqual(["GET /_ping", "POST /grpc"]);
  });

  it("keeps the bytes that arrive together with the 101", async () => {
    await using peer = await listenEngine({
      apiVersion: "1.40",
      glue: true,
      onStream: (stream) => answer(stream),
    });
    expect(await callThrough(peer)).toBe("200");
  });

  it.each(["1.53", "1.60", "2.0"])("speaks HTTP/2 at once with API %s", async (apiVersion) => {
    const seen: string[] = [];
    await using peer = await listenEngine({ apiVersion, seen, onStream: (stream) => answer(stream) });
    expect(await callThrough(peer)).toBe("200");
    expect(seen).toEqual(["GET /_ping", "h2"]);
  });

  it("says that a web server is not an engine", async () => {
    await using peer = await listen((socket) => {
      socket.on("data", () => socket.write("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"));
    });
    const error = await Link.open(`docker://${peer.path}`).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConnectError);
    expect((error as ConnectError).attempts[0]).toMatchObject({ failure: "not-buildkit" });
    expect((error as ConnectError).message).toContain("not a Docker Engine");
  });

  it("says that an engine refused the upgrade", async () => {
    await using peer = await listen((socket) => {
      socket.on("data", (bytes) => {
        const ping = bytes.toString("latin1").startsWith("GET /_ping");
        const body = '{"message":"page not found"}';
        socket.write(
          ping
            ? "HTTP/1.1 200 OK\r\nApi-Version: 1.30\r\nContent-Length: 0\r\n\r\n"
            : `HTTP/1.1 404 Not Found\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
        );
      });
    });
    await expect(Link.open(`docker://${peer.path}`)).rejects.toThrow(
      "POST /grpc was answered with status 404",
    );
  });

  it("says that what answers does not speak HTTP", async () => {
    await using peer = await listen(
      (socket) => void socket.on("data", () => socket.write("\x00\x01 nonsense\r\n\r\n")),
    );
    await expect(Link.open(`docker://${peer.path}`)).rejects.toThrow("does not speak HTTP/1.1");
  });

  it("does not wait for a silent engine forever", async () => {
    await using peer = await listen((socket) => void socket.resume());
    await expect(Link.open(`docker://${peer.path}`, { connectTimeoutMs: 50 })).rejects.toThrow(
      "within 50 ms",
    );
    await expect.poll(() => peer.sockets.size).toBe(0);
  });
});
