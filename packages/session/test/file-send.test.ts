import { execFileSync } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import path from "node:path";
import { PassThrough } from "node:stream";
import { directorySink, streamSink } from "@buildkit-node/session";
import { describe, expect, it } from "vitest";
import { diffCopy, diffCopyMethod, receiving, sendTree } from "./support/receiving.ts";
import { tempDir } from "./support/temp-dir.ts";

describe("bytes that are received", () => {
  const framed = (text: string) => Buffer.concat([Buffer.from([0x0a, text.length]), Buffer.from(text)]);

  it("go to a file, which appears when the build has succeeded", async () => {
    const parent = await tempDir();
    const dest = path.join(parent, "out.tar");
    fs.writeFileSync(dest, "old");
    const seen: (string | undefined)[] = [];
    const sink = streamSink({
      dest,
      onMetadata: (metadata) => void seen.push(metadata.get("exporter-md-image.name")),
    });
    const { daemon } = await receiving(sink);
    const call = daemon.call(diffCopyMethod, { "exporter-md-image.name": "a,b" });
    for (const text of ["one ", "", "two"]) call.send(framed(text));
    call.halfClose();
    expect(await call.status).toEqual({ code: 0, message: "" });
    expect(fs.readFileSync(dest, "utf8")).toBe("old");
    await sink.commit();
    expect(fs.readFileSync(dest, "utf8")).toBe("one two");
    expect(fs.readdirSync(parent)).toEqual(["out.tar"]);
    expect(seen).toEqual(["a,b"]);
  });

  it("go to a stream, which makes the daemon wait when it does", async () => {
    const stream = new PassThrough({ highWaterMark: 1 });
    const { daemon } = await receiving(streamSink({ dest: stream }));
    const call = diffCopy(daemon);
    const chunk = Buffer.alloc(1 << 20, "x");
    let accepted = 0;
    const pump = (async () => {
      for (let n = 0; n < 64; n++) {
        const message = Buffer.concat([Buffer.from([0, 0, 0x10, 0, 4, 0x0a, 0x80, 0x80, 0x40]), chunk]);
        if (!call.stream.write(message)) await once(call.stream, "drain");
        accepted++;
      }
      call.halfClose();
    })();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(accepted).toBeLessThan(32);
    let received = 0;
    for await (const piece of stream) received += piece.length;
    await pump;
    expect(received).toBe(64 << 20);
    expect((await call.status).code).toBe(0);
  });

  it("go to a web stream", async () => {
    const pieces: Uint8Array[] = [];
    const stream = new WritableStream<Uint8Array>({ write: (piece) => void pieces.push(piece) });
    const { daemon } = await receiving(streamSink({ dest: stream }));
    const call = diffCopy(daemon);
    call.send(framed("web"));
    call.halfClose();
    expect((await call.status).code).toBe(0);
    expect(Buffer.concat(pieces).toString()).toBe("web");
  });

  it("leave no file when the daemon gives up, and end the stream with an error", async () => {
    const parent = await tempDir();
    const stream = new PassThrough();
    const ended = new Promise((resolve) => stream.once("error", resolve));
    const { daemon } = await receiving(
      streamSink({ dest: path.join(parent, "out.tar") }),
      streamSink({ dest: stream }),
    );
    for (const id of [0, 1]) {
      const call = diffCopy(daemon, id);
      call.send(framed("half"));
      if (id === 0) await expect.poll(() => fs.readdirSync(parent)).not.toEqual([]);
      else await once(stream, "readable");
      call.cancel();
      await call.status;
    }
    await expect.poll(() => fs.readdirSync(parent)).toEqual([]);
    expect(await ended).toMatchObject({ code: "ERR_BUILDKIT_CONNECTION_LOST" });
  });

  it("are told apart by the exporter that they come from", async () => {
    const parent = await tempDir();
    const tree = directorySink({ dest: path.join(parent, "tree") });
    const file = streamSink({ dest: path.join(parent, "file") });
    const { daemon } = await receiving(tree, file);
    const bytes = diffCopy(daemon, 1);
    const packets = diffCopy(daemon, 0);
    bytes.send(framed("bytes"));
    bytes.halfClose();
    await sendTree(packets, [{ path: "a" }]);
    expect([(await bytes.status).code, (await packets.status).code]).toEqual([0, 0]);
    for (const sink of [tree, file]) await sink.commit();
    expect(execFileSync("ls", [parent]).toString()).toBe("file\ntree\n");
    expect(await diffCopy(daemon, 2).status).toMatchObject({ code: 5, message: "exporter 2 not found" });
  });
});
