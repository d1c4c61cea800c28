import { type Attachable, fileSync, openSession, SessionError } from "@buildkit-node/session";
import { CallError, type CallHandler, ConnectionLostError, StatusCode } from "@buildkit-node/transport";
import { afterEach, describe, expect, it, vi } from "vitest";
import { scriptedDaemon } from "./support/scripted-daemon.ts";
import { tempDir } from "./support/temp-dir.ts";

const health = "/grpc.health.v1.Health/Check";

function attach(path: string, handler: CallHandler): Attachable {
  return { methods: new Map([[path, handler]]) };
}

afterEach(() => {
  vi.useRealTimers();
});

describe("a session", () => {
  it("tells the daemon its id, its key, and each method in a header line of its own", async () => {
    const { connection, nextSession } = await scriptedDaemon();
    const directories = { context: await tempDir() };
    await using session = await openSession(connection, {
      attachables: [fileSync({ directories })],
      sharedKey: "a, b",
    });
    const daemon = await nextSession();
    expect(session.state).toBe("open");
    expect(session.id).toMatch(/^[0-9a-z]{25}$/);
    expect(daemon.header("x-docker-expose-session-uuid")).toEqual([session.id]);
    expect(daemon.header("x-docker-expose-session-sharedkey")).toEqual(["a, b"]);
    expect(daemon.header("x-docker-expose-session-grpc-method")).toEqual([
      health,
      "/moby.filesync.v1.FileSync/DiffCopy",
    ]);
  });

  it("answers health checks, and what it does not know with UNIMPLEMENTED", async () => {
    const { connection, nextSession } = await scriptedDaemon();
    await using _session = await openSession(connection, { attachables: [], id: "fixed" });
    const daemon = await nextSession();
    for (let check = 0; check < 3; check++) {
      const call = daemon.call(health);
      call.send(Buffer.alloc(0));
      call.halfClose();
      expect(await call.receive()).toEqual(Buffer.from([8, 1]));
      expect((await call.status).code).toBe(0);
    }
    expect(await daemon.call("/moby.buildkit.secrets.v1.Secrets/GetSecret").status).toMatchObject({
      code: 12,
    });
  });

  it("refuses two services with the same method", async () => {
    const { connection } = await scriptedDaemon();
    const one = attach("/a/B", async () => {});
    await expect(openSession(connection, { attachables: [one, one] })).rejects.toThrow("/a/B");
  });

  it("passes on the status that a service chooses, and keeps a failure that it did not", async () => {
    const { connection, nextSession } = await scriptedDaemon();
    const boom = new Error("the disk is on fire");
    await using session = await openSession(connection, {
      attachables: [
        attach("/a/Known", async () => {
          throw new CallError(StatusCode.notFound, "no such thing: 100 % gone");
        }),
        attach("/a/Unknown", async () => {
          throw boom;
        }),
      ],
    });
    const daemon = await nextSession();
    expect(await daemon.call("/a/Known").status).toEqual({ code: 5, message: "no such thing: 100 % gone" });
    expect(session.failure).toBeUndefined();
    expect(await daemon.call("/a/Unknown").status).toEqual({ code: 2, message: "the disk is on fire" });
    expect(session.failure).toMatchObject({ cause: boom });
  });
});

describe("the end of a session", () => {
  it("waits for calls that run, then half-closes, and is done when the daemon is", async () => {
    const { connection, nextSession } = await scriptedDaemon();
    let release: () => void = () => {};
    const session = await openSession(connection, {
      attachables: [attach("/a/Slow", () => new Promise<void>((resolve) => (release = resolve)))],
    });
    const daemon = await nextSession();
    const call = daemon.call("/a/Slow");
    await expect.poll(() => release.length).toBe(1);
    const ended = new Promise((resolve) => daemon.tunnel.once("end", resolve));
    daemon.tunnel.once("end", () => daemon.end());
    const closing = session.close();
    expect(session.state).toBe("closing");
    expect(session.close()).toBe(closing);
    release();
    expect((await call.status).code).toBe(0);
    await ended;
    await closing;
    expect(session.state).toBe("closed");
    expect(await session.closed).toBeUndefined();
    expect(session.lost.aborted).toBe(false);
  });

  it("is told as lost when the daemon ends it, with what is known about the reason", async () => {
    const { connection, nextSession } = await scriptedDaemon();
    const session = await openSession(connection, { attachables: [], id: "the-id" });
    (await nextSession()).end();
    const error = await session.closed;
    expect(error).toBeInstanceOf(SessionError);
    expect(error).toMatchObject({ code: "ERR_BUILDKIT_SESSION", sessionId: "the-id" });
    expect(error?.message).toContain("health checks");
    expect(session.state).toBe("lost");
    expect(session.lost.reason).toBe(error);
    await session.close();
  });

  it("names a blocked event loop when there was one", async () => {
    const { connection, nextSession } = await scriptedDaemon();
    const session = await openSession(connection, { attachables: [] });
    const daemon = await nextSession();
    const now = performance.now();
    const clock = vi.spyOn(performance, "now").mockImplementation(() => now + 20_000);
    daemon.end();
    const error = await session.closed;
    clock.mockRestore();
    expect(error?.longestStallMs).toBeGreaterThan(15_000);
    expect(error?.message).toMatch(/event loop was blocked for (19|20) s/);
    await session.close();
  });

  it("is told as lost when the connection breaks, and ends the calls that run", async () => {
    const { connection, nextSession } = await scriptedDaemon();
    let lost: AbortSignal | undefined;
    const session = await openSession(connection, {
      attachables: [
        attach("/a/Waits", async (call) => {
          lost = call.signal;
          await call.read(() => {});
        }),
      ],
    });
    const daemon = await nextSession();
    const call = daemon.call("/a/Waits");
    await expect.poll(() => lost).toBeDefined();
    daemon.tunnel.destroy();
    expect(await session.closed).toBeInstanceOf(SessionError);
    expect(lost?.aborted).toBe(true);
    expect((await call.status).code).toBe(-1);
    expect(session.failure).toBeUndefined();
    await session.close();
  });

  it("survives a daemon that does not say goodbye", async () => {
    const { connection, nextSession } = await scriptedDaemon();
    const session = await openSession(connection, { attachables: [] });
    await nextSession();
    const start = performance.now();
    await session.close();
    expect(performance.now() - start).toBeLessThan(5000);
  });
});

describe("opening a session", () => {
  it("is given up when the signal aborts, and leaves the connection as it was", async () => {
    const { connection, nextSession } = await scriptedDaemon();
    const reason = new Error("enough");
    const signal = AbortSignal.abort(reason);
    await expect(openSession(connection, { attachables: [], signal })).rejects.toBe(reason);
    await using session = await openSession(connection, { attachables: [], id: "second" });
    expect((await nextSession()).header("x-docker-expose-session-uuid")).toEqual([session.id]);
  });

  it("fails with the loss of the connection where that is what happens", async () => {
    const { connection, breakConnections } = await scriptedDaemon();
    const opening = openSession(connection, { attachables: [] });
    breakConnections();
    await expect(opening).rejects.toBeInstanceOf(ConnectionLostError);
  });

  it("fails when the connection is closed", async () => {
    const { connection } = await scriptedDaemon();
    await connection.close();
    await expect(openSession(connection, { attachables: [] })).rejects.toThrow();
  });
});
