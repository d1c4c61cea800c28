import fs from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { PassThrough } from "node:stream";
import { InvalidArgumentError } from "@buildkit-node/core";
import { type Exporter, local, oci, type PreparedExport, tar } from "@buildkit-node/exporters";
import { DestinationError } from "@buildkit-node/session";
import { CallError, Metadata, type ServerCall } from "@buildkit-node/transport";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), "exporters-test-"));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

/** A daemon's call with bytes in it; `fail` breaks it off. */
function bytesCall(bytes: string, headers: Readonly<Record<string, string>> = {}, fail = false): ServerCall {
  const controller = new AbortController();
  return {
    path: "/moby.filesync.v1.FileSend/DiffCopy",
    metadata: new Metadata(Object.entries(headers)),
    signal: controller.signal,
    async read(onMessage) {
      onMessage(Buffer.concat([Buffer.from([0x0a, bytes.length]), Buffer.from(bytes)]));
      if (fail) throw new CallError(1, "broken off");
    },
    pause: () => {},
    resume: () => {},
    messages: () => {
      throw new Error("not used");
    },
    send: () => true,
    sendFramed: () => true,
    writable: () => Promise.resolve(),
  };
}

function prepare<R>(exporter: Exporter<R>): Promise<PreparedExport<R>> {
  return exporter.prepare({});
}

const descriptor = { mediaType: "application/vnd.oci.image.manifest.v1+json", digest: "sha256:aa", size: 3 };
const facts = {
  "containerimage.digest": "sha256:aa",
  "containerimage.config.digest": "sha256:bb",
  "containerimage.descriptor": Buffer.from(JSON.stringify(descriptor)).toString("base64"),
  "image.name": "docker.io/library/x:y,docker.io/library/z:latest",
};

describe("an exporter to a file", () => {
  it.each([
    ["tar", (dest: string) => tar({ dest })],
    ["oci", (dest: string) => oci({ dest })],
  ])("makes the file when the build has succeeded: %s", async (_type, make) => {
    const dest = path.join(folder, "out.tar");
    const prepared = await prepare<unknown>(make(dest));
    await prepared.sink?.receive(bytesCall("archive"));
    expect(fs.existsSync(dest)).toBe(false);
    expect(await prepared.finish(facts)).toMatchObject({ dest });
    expect(fs.readFileSync(dest, "utf8")).toBe("archive");
    expect(fs.readdirSync(folder)).toEqual(["out.tar"]);
  });

  it("leaves what was there when the build or the transfer fails", async () => {
    const dest = path.join(folder, "out.tar");
    fs.writeFileSync(dest, "old");
    const whole = await prepare(tar({ dest }));
    await whole.sink?.receive(bytesCall("archive"));
    await whole.discard();
    const half = await prepare(tar({ dest }));
    await expect(half.sink?.receive(bytesCall("arch", {}, true))).rejects.toThrow("broken off");
    await half.discard();
    expect(fs.readFileSync(dest, "utf8")).toBe("old");
    expect(fs.readdirSync(folder)).toEqual(["out.tar"]);
  });

  it("finds before the build that it cannot write", async () => {
    await expect(prepare(tar({ dest: "" }))).rejects.toBeInstanceOf(InvalidArgumentError);
    await expect(prepare(tar({ dest: folder }))).rejects.toThrow("is a directory");
    const error = await prepare(oci({ dest: path.join(folder, "no/such/out.tar") })).catch(
      (caught: unknown) => caught,
    );
    expect(error).toBeInstanceOf(DestinationError);
    expect(error).toMatchObject({
      code: "ERR_BUILDKIT_DESTINATION",
      path: path.join(folder, "no/such/out.tar"),
    });
  });

  it("leaves no trace when nothing was sent", async () => {
    const prepared = await prepare(tar({ dest: path.join(folder, "out.tar") }));
    await prepared.discard();
    expect(fs.readdirSync(folder)).toEqual([]);
  });
});

describe("an exporter to a stream", () => {
  it("ends the stream with the last byte", async () => {
    const stream = new PassThrough();
    const prepared = await prepare(tar({ dest: stream }));
    const receiving = prepared.sink?.receive(bytesCall("archive"));
    const pieces: Buffer[] = [];
    for await (const piece of stream) pieces.push(piece);
    await receiving;
    expect(Buffer.concat(pieces).toString()).toBe("archive");
    expect(await prepared.finish({})).toEqual({ type: "tar" });
  });
});

describe("an image in the OCI layout", () => {
  it("is told about from its own stream, where the answer speaks of another exporter", async () => {
    const prepared = await prepare(oci({ dest: path.join(folder, "out.tar") }));
    const headers = Object.fromEntries(
      Object.entries(facts).map(([key, value]) => [`exporter-md-${key}`, value]),
    );
    await prepared.sink?.receive(bytesCall("", headers));
    expect(await prepared.finish({ "containerimage.digest": "sha256:other" })).toEqual({
      type: "oci",
      dest: path.join(folder, "out.tar"),
      digest: "sha256:aa",
      configDigest: "sha256:bb",
      descriptor,
      names: ["docker.io/library/x:y", "docker.io/library/z:latest"],
    });
  });

  it("is told about from the answer of a daemon that sends no headers", async () => {
    const prepared = await prepare(oci({ dest: path.join(folder, "out.tar") }));
    await prepared.sink?.receive(bytesCall(""));
    expect(await prepared.finish({ "containerimage.digest": "sha256:aa" })).toMatchObject({
      digest: "sha256:aa",
      names: [],
    });
  });

  it("leaves no file when nobody says what it is", async () => {
    const prepared = await prepare(oci({ dest: path.join(folder, "out.tar") }));
    await prepared.sink?.receive(bytesCall("x"));
    await expect(prepared.finish({})).rejects.toThrow("digest");
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  it("takes its options as attributes", async () => {
    const prepared = await oci({
      dest: path.join(folder, "out.tar"),
      name: ["x:y", "z"],
      config: { Cmd: ["node", "."], Env: ["A=1"] },
      compression: "zstd",
      compressionLevel: 3,
      forceCompression: true,
      sourceDateEpoch: 0,
      rewriteTimestamp: true,
      annotations: { "org.example.a": "1", "index:org.example.b": "2", "manifest-descriptor:c": "3" },
    }).prepare({
      image: { os: "linux", architecture: "arm64", config: { Cmd: ["sh"], WorkingDir: "/app" } },
    });
    expect(prepared.request).toEqual({
      type: "oci",
      attrs: {
        name: "x:y,z",
        "containerimage.config": JSON.stringify({
          os: "linux",
          architecture: "arm64",
          config: { Cmd: ["node", "."], WorkingDir: "/app", Env: ["A=1"] },
        }),
        compression: "zstd",
        "compression-level": "3",
        "force-compression": "true",
        "source-date-epoch": "0",
        "rewrite-timestamp": "true",
        "annotation.org.example.a": "1",
        "annotation-index.org.example.b": "2",
        "annotation-manifest-descriptor.c": "3",
      },
    });
  });

  it("refuses a config where a frontend has one", async () => {
    const dest = path.join(folder, "out.tar");
    await expect(prepare(oci({ dest, config: { Cmd: ["x"] } }))).rejects.toBeInstanceOf(InvalidArgumentError);
  });
});

describe("an exporter to a directory", () => {
  it("takes its options as attributes, and makes nothing before something comes", async () => {
    const dest = path.join(folder, "a/b");
    const prepared = await prepare(
      local({ dest, platformSplit: true, attestationPrefix: "p-", sourceDateEpoch: 7 }),
    );
    expect(prepared.request).toEqual({
      type: "local",
      attrs: { "platform-split": "true", "attestation-prefix": "p-", "source-date-epoch": "7" },
    });
    expect(await prepared.finish({})).toEqual({ type: "local", dest });
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  it("finds before the build that it cannot write", async () => {
    fs.writeFileSync(path.join(folder, "file"), "");
    await expect(prepare(local({ dest: "" }))).rejects.toBeInstanceOf(InvalidArgumentError);
    await expect(prepare(local({ dest: path.join(folder, "file") }))).rejects.toThrow("is not a directory");
    await expect(prepare(local({ dest: path.join(folder, "file/below") }))).rejects.toBeInstanceOf(
      DestinationError,
    );
  });
});
