import { once } from "node:events";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { createServer } from "node:net";
import os from "node:os";
import path from "node:path";
import { Scope } from "@buildkit-node/core";
import { startRelay } from "@buildkit-node/daemon";
import { createDialer, parseAddress } from "@buildkit-node/transport";
import { afterEach, describe, expect, it } from "vitest";

let scope = new Scope();
afterEach(async () => {
  await scope.close();
  scope = new Scope();
});

describe("a relay", () => {
  it("copies both ways, keeps early bytes, and passes each end on by itself", async () => {
    // The peer answers only once its client has ended: an end that closed both directions would lose the answer.
    const big = Buffer.alloc(8 * 1024 * 1024, "x");
    const peer = createServer({ allowHalfOpen: true }, (socket) => {
      let received = 0;
      socket.on("data", (chunk) => {
        received += chunk.length;
      });
      socket.on("end", () => {
        socket.write(big);
        socket.end(`received ${received}`);
      });
    });
    scope.defer(() => new Promise((resolve) => peer.close(() => resolve())));
    peer.listen(0, "127.0.0.1");
    await once(peer, "listening");
    const { port } = peer.address() as { port: number };
    const relay = scope.use(await startRelay({ to: `tcp://127.0.0.1:${port}`, listen: "tcp://127.0.0.1:0" }));

    const pipe = await (await createDialer(parseAddress(relay.address))).dial();
    pipe.end(big);
    const chunks: Buffer[] = [];
    for await (const chunk of pipe) chunks.push(chunk as Buffer);
    const answer = Buffer.concat(chunks);
    expect(answer.length).toBe(big.length + `received ${big.length}`.length);
    expect(answer.subarray(big.length).toString()).toBe(`received ${big.length}`);
  });

  it("ends the connection of a client when the daemon cannot be reached", async () => {
    const directory = await mkdtemp(path.join(os.tmpdir(), "relay-"));
    scope.defer(() => rm(directory, { recursive: true }));
    const listen = `unix://${directory}/relay.sock`;
    const relay = scope.use(await startRelay({ to: `unix://${directory}/nobody.sock`, listen }));
    expect(relay.address).toBe(listen);
    const pipe = await (await createDialer(parseAddress(relay.address))).dial();
    pipe.on("error", () => {});
    pipe.resume();
    await once(pipe, "close");
  });

  it("leaves no socket behind, and closes twice", async () => {
    const directory = await mkdtemp(path.join(os.tmpdir(), "relay-"));
    scope.defer(() => rm(directory, { recursive: true }));
    const relay = await startRelay({ to: "tcp://127.0.0.1:9", listen: `unix://${directory}/relay.sock` });
    await relay.close();
    await relay.close();
    await expect(stat(`${directory}/relay.sock`)).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("does not listen on an engine, nor where it cannot", async () => {
    await expect(startRelay({ to: "docker://", listen: "docker://" })).rejects.toMatchObject({
      code: "ERR_BUILDKIT_INVALID_ARGUMENT",
    });
    await expect(startRelay({ to: "docker://", listen: "unix:///nowhere/relay.sock" })).rejects.toMatchObject(
      {
        code: "ERR_BUILDKIT_DAEMON",
        message: expect.stringContaining("/nowhere/relay.sock"),
      },
    );
  });
});
