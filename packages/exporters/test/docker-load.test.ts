import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import os from "node:os";
import path from "node:path";
import {
  type DockerLoadOptions,
  dockerLoad,
  type ExportContext,
  type LoadProgress,
} from "@buildkit-node/exporters";
import { Metadata, type ServerCall, StatusCode } from "@buildkit-node/transport";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

type Route = (request: IncomingMessage, response: ServerResponse) => unknown;

let folder: string;
let server: Server;
let routes: Record<string, Route>;
let seen: string[];

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), "docker-load-test-"));
  seen = [];
  routes = {
    "GET /info": (_, response) => response.end('{"Driver":"overlay2"}'),
    "GET /images": (_, response) => response.writeHead(404).end('{"message":"no such image"}'),
  };
  server = createServer((request, response) => {
    const name = `${request.method} ${request.url}`;
    seen.push(name);
    const found = Object.entries(routes).find(([start]) => name.startsWith(start));
    if (found === undefined) response.writeHead(500).end('{"message":"not expected"}');
    else found[1](request, response);
  });
  await new Promise<void>((resolve) => server.listen(path.join(folder, "sock"), resolve));
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true, force: true });
});

/** A daemon's call with so many messages of 100 bytes. */
function archiveCall(messages: number): ServerCall & { delivered: number } {
  const bytes = Buffer.alloc(100, "x");
  let paused = false;
  let wake = () => {};
  const call = {
    delivered: 0,
    path: "/moby.filesync.v1.FileSend/DiffCopy",
    metadata: new Metadata([
      ["exporter-md-containerimage.digest", "sha256:aa"],
      ["exporter-md-containerimage.config.digest", "sha256:bb"],
    ]),
    signal: new AbortController().signal,
    async readBytes(onData: (data: Buffer) => void) {
      for (; call.delivered < messages; call.delivered++) {
        onData(bytes);
        if (paused) await new Promise<void>((resolve) => (wake = resolve));
        if (call.delivered % 1000 === 0) await new Promise(setImmediate);
      }
    },
    pause: () => {
      paused = true;
    },
    resume: () => {
      paused = false;
      wake();
    },
    read: () => Promise.reject(new Error("not used")),
    messages: () => {
      throw new Error("not used");
    },
    send: () => true,
    sendFramed: () => true,
    writable: () => Promise.resolve(),
  };
  return call;
}

function prepare(options: Partial<DockerLoadOptions> = {}, images?: ExportContext["images"]) {
  const engine = `unix://${path.join(folder, "sock")}`;
  const context = { daemon: "unix:///b", ...(images && { images }) };
  return dockerLoad({ tags: ["app:dev", "host/app"], engine, ...options }).prepare(context);
}

const answer = {
  response: { "containerimage.digest": "sha256:aa", "image.name": "docker.io/library/app:dev" },
  standing: "alone",
  recorded: async () => undefined,
  read: () => Promise.reject(new Error("not used")),
} as const;

const lines = (...documents: object[]) => documents.map((one) => `${JSON.stringify(one)}\n`).join("");

async function drained(request: IncomingMessage): Promise<number> {
  let length = 0;
  for await (const piece of request) length += piece.length;
  return length;
}

describe("docker load", () => {
  it("sends the archive, and tells what the engine says", async () => {
    let received = 0;
    routes["POST /images/load?quiet=0"] = async (request, response) => {
      response.write(lines({ status: "Loading layer", id: "l", progressDetail: { current: 1, total: 2 } }));
      received = await drained(request);
      response.end(lines({ stream: "Loaded image: app:dev\n" }));
    };
    const told: LoadProgress[] = [];
    const prepared = await prepare({ onProgress: (progress) => void told.push(progress) });
    expect(prepared.request).toEqual({ type: "docker", attrs: { name: "app:dev,host/app" } });
    await prepared.sink?.receive(archiveCall(50));
    expect(await prepared.finish(answer)).toMatchObject({
      how: "sent",
      sentBytes: 5000,
      digest: "sha256:aa",
    });
    expect(received).toBe(5000);
    expect(told).toEqual([
      { text: "Loading layer", id: "l", currentBytes: 1, totalBytes: 2 },
      { text: "Loaded image: app:dev" },
    ]);
  });

  it.each(["sha256:aa", "sha256:bb"])("names an image that the engine has as %s", async (digest) => {
    routes[`GET /images/${digest}/json`] = (_, response) => response.end("{}");
    routes = Object.fromEntries(Object.entries(routes).reverse());
    routes[`POST /images/${digest}/tag`] = (_, response) => response.writeHead(201).end();
    const prepared = await prepare();
    const call = archiveCall(50);
    await expect(prepared.sink?.receive(call)).rejects.toMatchObject({ status: StatusCode.alreadyExists });
    expect(call.delivered).toBe(0);
    expect(await prepared.finish(answer)).toMatchObject({ how: "present", sentBytes: 0 });
    expect(seen.filter((one) => one.startsWith("POST"))).toEqual([
      `POST /images/${digest}/tag?repo=docker.io%2Flibrary%2Fapp&tag=dev`,
      `POST /images/${digest}/tag?repo=docker.io%2Fhost%2Fapp&tag=latest`,
    ]);
  });

  it("fails with the engine's words when it refuses at once", async () => {
    routes["POST /images/load"] = (_, response) => response.writeHead(507).end('{"message":"no space"}');
    const prepared = await prepare();
    const call = archiveCall(500_000);
    await expect(prepared.sink?.receive(call)).rejects.toMatchObject({
      name: "EngineError",
      code: "ERR_BUILDKIT_DESTINATION",
      status: 507,
      text: "no space",
    });
    expect(call.delivered).toBeLessThan(500_000);
    await prepared.discard();
  });

  it("fails when the engine fails in the middle, or after all of it", async () => {
    const failed = lines({ stream: "going\n" }, { errorDetail: { message: "bad tar" }, error: "bad tar" });
    routes["POST /images/load"] = (request, response) => {
      request.once("data", () => response.end(failed));
    };
    await expect((await prepare()).sink?.receive(archiveCall(500_000))).rejects.toMatchObject({
      text: "bad tar",
    });
    routes["POST /images/load"] = async (request, response) => {
      await drained(request);
      response.end(failed);
    };
    await expect((await prepare()).sink?.receive(archiveCall(10))).rejects.toMatchObject({ text: "bad tar" });
  });

  it("fails when the connection breaks", async () => {
    routes["POST /images/load"] = (request) => request.once("data", () => request.socket.destroy());
    await expect((await prepare()).sink?.receive(archiveCall(500_000))).rejects.toMatchObject({
      name: "EngineError",
      text: expect.stringContaining("connection broke"),
    });
  });

  it("holds the daemon back while the engine does not read", async () => {
    let go = () => {};
    routes["POST /images/load"] = async (request, response) => {
      await new Promise<void>((resolve) => (go = resolve));
      await drained(request);
      response.end(lines({ stream: "Loaded" }));
    };
    const prepared = await prepare();
    const call = archiveCall(200_000);
    const receiving = prepared.sink?.receive(call);
    // Until nothing moves any more.
    for (let before = -1; before !== call.delivered || before === 0; ) {
      before = call.delivered;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    expect(call.delivered * 100).toBeLessThan(8_000_000);
    go();
    await receiving;
    expect(call.delivered).toBe(200_000);
  });

  it("refuses what is no tag, no engine, and no answer of one", async () => {
    expect(() => dockerLoad({ tags: [] })).toThrow("without a tag");
    expect(() => dockerLoad({ tags: `a@sha256:${"0".repeat(64)}` })).toThrow("is not a tag");
    expect(() => dockerLoad({ tags: "a", engine: "gopher://x" })).toThrow();
    routes["GET /info"] = (_, response) => response.writeHead(403).end('{"message":"not you"}');
    await expect(prepare()).rejects.toMatchObject({ status: 403, text: "not you" });
  });

  it("leaves the image to the engine that builds", async () => {
    const engine = `unix://${path.join(folder, "sock")}`;
    const prepared = await dockerLoad({ tags: "app:dev", engine }).prepare({ daemon: `docker://${engine}` });
    expect(prepared.request).toEqual({ type: "moby", attrs: { name: "app:dev" } });
    expect(prepared.sink).toBeUndefined();
    expect(await prepared.finish(answer)).toMatchObject({ how: "stored", digest: "sha256:aa" });
    // It can do without a word where there is one platform.
    expect(seen).toEqual([]);
    const platforms = ["linux/amd64", "linux/arm64"];
    const images = async () => new Map(platforms.map((platform) => [platform, {}] as const));
    const several = dockerLoad({ tags: "app:dev", engine }).prepare({ daemon: `docker://${engine}`, images });
    await expect(several).rejects.toThrow("keeps images of one platform");
    expect(seen).toEqual(["GET /info"]);
  });

  it("sends several platforms to an engine that keeps them, and none to one that does not", async () => {
    const images = async () =>
      new Map([
        ["linux/amd64", {}],
        ["linux/arm64", {}],
      ]);
    await expect(prepare({}, images)).rejects.toThrow("keeps images of one platform");
    routes["GET /info"] = (_, response) =>
      response.end(JSON.stringify({ DriverStatus: [["driver-type", "io.containerd.snapshotter.v1"]] }));
    expect((await prepare({}, images)).request).toMatchObject({ type: "oci" });
    expect((await prepare()).request).toMatchObject({ type: "oci" });
  });
});
