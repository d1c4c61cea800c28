import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ConnectError, type ConnectFailure, Link } from "../src/index.ts";
import { answer, listen, listenHttp2 } from "./support/peer.ts";

const bare = { env: {}, platform: "linux" } as const;

/** The failure of an attempt to connect, which must fail. */
async function failure(
  address: string,
  options: Parameters<typeof Link.open>[1] = {},
): Promise<ConnectError> {
  const link = await Link.open(address, { surroundings: bare, ...options }).catch((error: unknown) => error);
  if (link instanceof ConnectError) return link;
  throw new Error("connected, or failed otherwise", { cause: link });
}

describe("Link.open", () => {
  it("says that there is no such socket, and what to do", async () => {
    const error = await failure("unix:///nowhere/buildkitd.sock");
    expect(error).toMatchObject({ code: "ERR_BUILDKIT_CONNECT", cause: { code: "ENOENT" } });
    expect(error.attempts).toMatchObject([
      { address: "unix:///nowhere/buildkitd.sock", failure: "not-found" },
    ]);
    expect(error.message).toMatch(/^cannot connect to unix:\/\/\/nowhere.*no such socket; start the daemon/);
  });

  it("says that nobody listens", async () => {
    const directory = await mkdtemp(join(tmpdir(), "bk-link-"));
    const path = join(directory, "file");
    await writeFile(path, "");
    await chmod(path, 0o600);
    expect((await failure(`unix://${path}`)).attempts[0]?.failure).toBe("refused");
    await rm(directory, { recursive: true });
  });

  it.each<[string, string, ConnectFailure, RegExp]>([
    [
      "an HTTP/1 server",
      "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
      "not-buildkit",
      /docker:\/\/unix:/,
    ],
    ["a shell", "SSH-2.0-OpenSSH_9.2p1 Debian\r\n", "not-buildkit", /not BuildKit/],
  ])("knows %s from BuildKit", async (_name, greeting, reason, message) => {
    await using peer = await listen((socket) => void socket.once("data", () => socket.write(greeting)));
    const error = await failure(`unix://${peer.path}`);
    expect(error.attempts[0]?.failure).toBe(reason);
    expect(error.message).toMatch(message);
  });

  it("knows a peer that hangs up from BuildKit", async () => {
    await using peer = await listen((socket) => void socket.once("data", () => socket.end()));
    const error = await failure(`unix://${peer.path}`);
    expect(["not-buildkit", "refused"]).toContain(error.attempts[0]?.failure);
  });

  it("waits for a silent socket no longer than it was told", async () => {
    await using peer = await listen((socket) => void socket.resume());
    const error = await failure(`unix://${peer.path}`, { connectTimeoutMs: 50 });
    expect(error.attempts[0]).toMatchObject({ failure: "timeout", problem: "no answer within 50 ms" });
  });

  it("rejects with the signal's reason and lets go of the socket", async () => {
    await using peer = await listen((socket) => void socket.resume());
    const reason = new Error("enough");
    const abort = new AbortController();
    const opening = Link.open(`unix://${peer.path}`, { signal: abort.signal });
    await expect.poll(() => peer.sockets.size).toBe(1);
    abort.abort(reason);
    await expect(opening).rejects.toBe(reason);
    await expect.poll(() => peer.sockets.size).toBe(0);
  });

  it("tries what discovery finds in order, and lists it all when nothing answers", async () => {
    const surroundings = {
      platform: "linux",
      env: { XDG_RUNTIME_DIR: "/nowhere/user", DOCKER_HOST: "unix:///nowhere/docker.sock" },
    } as const;
    const error = await Link.open(undefined, { surroundings }).catch((thrown: unknown) => thrown);
    // A machine may run buildkitd on the default socket; then there is nothing to see here.
    if (error instanceof Link) return error.close();
    expect(error).toBeInstanceOf(ConnectError);
    expect((error as ConnectError).attempts.map((one) => one.origin)).toEqual([
      "buildkitd's default socket",
      "rootless buildkitd, from XDG_RUNTIME_DIR",
      "the Docker Engine, from DOCKER_HOST",
    ]);
    expect((error as ConnectError).attempts.at(-1)?.address).toBe("docker://unix:///nowhere/docker.sock");
    expect((error as ConnectError).message).toMatch(
      /^no BuildKit daemon was found; tried\n {2}unix:\/\/\/run/,
    );
  });

  it("names the variable that an address came from", async () => {
    const surroundings = { platform: "linux", env: { BUILDKIT_HOST: "unix:///nowhere/b.sock" } } as const;
    await expect(Link.open(undefined, { surroundings })).rejects.toThrow(
      "b.sock (from BUILDKIT_HOST): there is no",
    );
  });
});

describe("Link", () => {
  it("shares one connection, and dials again after a loss", async () => {
    await using peer = await listenHttp2((stream) => answer(stream));
    await using link = await Link.open(`unix://${peer.path}`);
    const first = await link.connection();
    expect(await link.connection()).toBe(first);
    for (const socket of peer.sockets) socket.destroy();
    await expect.poll(() => first.usable).toBe(false);
    const [second, third] = await Promise.all([link.connection(), link.connection()]);
    expect(second).not.toBe(first);
    expect(third).toBe(second);
  });

  it("refuses to be used after it was closed, and closes twice without harm", async () => {
    await using peer = await listenHttp2((stream) => answer(stream));
    const link = await Link.open(`unix://${peer.path}`);
    await Promise.all([link.close(), link.close()]);
    await expect(link.connection()).rejects.toMatchObject({ code: "ERR_BUILDKIT_CLOSED" });
    await expect.poll(() => peer.sockets.size).toBe(0);
  });
});
