import { execFileSync } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import { mkdtemp, open, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { PassThrough } from "node:stream";
import { InvalidArgumentError } from "@buildkit-node/core";
import {
  cacheOnly,
  docker,
  type ExportAnswer,
  type ExportContext,
  type Exporter,
  image,
  local,
  moby,
  oci,
  type PreparedExport,
  tar,
} from "@buildkit-node/exporters";
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
    async readBytes(onData) {
      onData(Buffer.from(bytes));
      if (fail) throw new CallError(1, "broken off");
    },
    pause: () => {},
    resume: () => {},
    read: () => Promise.reject(new Error("not used")),
    messages: () => {
      throw new Error("not used");
    },
    send: () => true,
    sendFramed: () => true,
    writable: () => Promise.resolve(),
  };
}

function prepare<R>(exporter: Exporter<R>): Promise<PreparedExport<R>> {
  return exporter.prepare({ daemon: "unix:///there" });
}

const manifest = {
  config: { mediaType: "config", digest: "sha256:bb", size: 20 },
  layers: [{ mediaType: "layer", digest: "sha256:cc", size: 100 }],
};

function answer(response: Readonly<Record<string, string>>, more: Partial<ExportAnswer> = {}): ExportAnswer {
  return {
    response,
    standing: "alone",
    recorded: async () => undefined,
    read: async () => Buffer.from(JSON.stringify(manifest)),
    ...more,
  };
}

const context = (document: object): ExportContext => ({
  daemon: "unix:///there",
  images: async () => new Map([["", document]]),
});

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
    expect(await prepared.finish(answer(facts))).toMatchObject({ dest });
    expect(fs.readFileSync(dest, "utf8")).toBe("archive");
    expect(fs.readdirSync(folder)).toEqual(["out.tar"]);
  });

  it("goes where a link leads, and into a named pipe as it is", async () => {
    fs.mkdirSync(path.join(folder, "real"));
    fs.writeFileSync(path.join(folder, "real/out.tar"), "old");
    fs.symlinkSync("real/out.tar", path.join(folder, "link"));
    execFileSync("mkfifo", [path.join(folder, "pipe")]);
    const read = once(fs.createReadStream(path.join(folder, "pipe")), "data");
    for (const name of ["link", "pipe"]) {
      const prepared = await prepare(tar({ dest: path.join(folder, name) }));
      await prepared.sink?.receive(bytesCall("archive"));
      await prepared.finish(answer({}));
    }
    expect(fs.readFileSync(path.join(folder, "real/out.tar"), "utf8")).toBe("archive");
    expect(fs.lstatSync(path.join(folder, "link")).isSymbolicLink()).toBe(true);
    expect(String(await read)).toBe("archive");
    expect(fs.lstatSync(path.join(folder, "pipe")).isFIFO()).toBe(true);
    expect(fs.readdirSync(path.join(folder, "real"))).toEqual(["out.tar"]);
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
    expect(await prepared.finish(answer({}))).toEqual({ type: "tar" });
  });
});

describe("an image in the OCI layout", () => {
  it("is told about from its own stream, where the answer speaks of another exporter", async () => {
    const prepared = await prepare(oci({ dest: path.join(folder, "out.tar") }));
    const headers = Object.fromEntries(
      Object.entries(facts).map(([key, value]) => [`exporter-md-${key}`, value]),
    );
    await prepared.sink?.receive(bytesCall("", headers));
    expect(await prepared.finish(answer({ "containerimage.digest": "sha256:other" }))).toEqual({
      type: "oci",
      dest: path.join(folder, "out.tar"),
      digest: "sha256:aa",
      configDigest: "sha256:bb",
      descriptor,
      names: ["docker.io/library/x:y", "docker.io/library/z:latest"],
      archiveBytes: 0,
      contentBytes: 123,
    });
  });

  it("is told about from the answer of a daemon that sends no headers", async () => {
    const prepared = await prepare(oci({ dest: path.join(folder, "out.tar") }));
    await prepared.sink?.receive(bytesCall(""));
    expect(await prepared.finish(answer({ "containerimage.digest": "sha256:aa" }))).toMatchObject({
      digest: "sha256:aa",
      names: [],
    });
  });

  it("leaves no file when nobody says what it is", async () => {
    const prepared = await prepare(oci({ dest: path.join(folder, "out.tar") }));
    await prepared.sink?.receive(bytesCall("x"));
    await expect(prepared.finish(answer({}))).rejects.toThrow("digest");
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
      annotations: [
        { key: "org.example.a", value: "1" },
        { key: "org.example.b", value: "2", level: "index" },
        { key: "c", value: "3", level: "manifest-descriptor", platform: "linux/arm64/v8" },
      ],
      ociArtifact: false,
      attrs: { "not-yet-known": "1", compression: "gzip" },
    }).prepare(
      context({
        os: "linux",
        architecture: "arm64",
        config: { Cmd: ["sh"], Env: ["A=0", "B=2"], WorkingDir: "/app" },
      }),
    );
    expect(prepared.request).toEqual({
      type: "oci",
      attrs: {
        name: "x:y,z",
        "containerimage.config": JSON.stringify({
          os: "linux",
          architecture: "arm64",
          config: { Cmd: ["node", "."], Env: ["A=1", "B=2"], WorkingDir: "/app" },
        }),
        compression: "gzip",
        "oci-artifact": "false",
        "not-yet-known": "1",
        "compression-level": "3",
        "force-compression": "true",
        "source-date-epoch": "0",
        "rewrite-timestamp": "true",
        "annotation.org.example.a": "1",
        "annotation-index.org.example.b": "2",
        "annotation-manifest-descriptor[linux/arm64].c": "3",
      },
    });
  });

  it("refuses a config where a frontend has one", async () => {
    const dest = path.join(folder, "out.tar");
    await expect(prepare(oci({ dest, config: { Cmd: ["x"] } }))).rejects.toBeInstanceOf(InvalidArgumentError);
  });
});

describe("an image's config", () => {
  const written = async (document: object, config: object) => {
    const prepared = await image({ config }).prepare(context(document));
    return JSON.parse(prepared.request?.attrs["containerimage.config"] ?? "{}").config;
  };

  it("adds to what the base image has, and an entry point takes its command away", async () => {
    const base = { Cmd: ["sh"], Env: ["PATH=/bin"], Labels: { a: "1" }, ExposedPorts: { "80/tcp": {} } };
    const config = { Entrypoint: ["node"], Env: ["X=1"], Labels: { b: "2" } };
    expect(await written({ config: base }, config)).toEqual({
      Entrypoint: ["node"],
      Env: ["PATH=/bin", "X=1"],
      Labels: { a: "1", b: "2" },
      ExposedPorts: { "80/tcp": {} },
    });
    expect((await written({ config: base }, { Cmd: ["ls"] })).Cmd).toEqual(["ls"]);
  });

  it("is one for each platform of several", async () => {
    const images = async () =>
      new Map([
        ["linux/amd64", {}],
        ["linux/arm64", { config: { User: "me" } }],
      ]);
    const { request } = await image({ config: { Cmd: ["x"] } }).prepare({ daemon: "", images });
    expect(request?.attrs).toEqual({
      "containerimage.config/linux/amd64": '{"config":{"Cmd":["x"]}}',
      "containerimage.config/linux/arm64": '{"config":{"User":"me","Cmd":["x"]}}',
    });
    const archive = docker({ dest: path.join(folder, "out.tar") });
    await expect(archive.prepare({ daemon: "", images })).rejects.toThrow("linux/amd64, linux/arm64");
  });
});

describe("an image in the daemon's hands", () => {
  it("takes its options as attributes", async () => {
    const prepared = await prepare(
      image({
        name: "host/x:y",
        push: true,
        insecure: true,
        unpack: true,
        store: false,
        nameCanonical: true,
        danglingNamePrefix: "d",
        danglingNameEmptyOnly: true,
        ociMediaTypes: true,
        sourceDateEpoch: "none",
        attestationInline: false,
      }),
    );
    expect(prepared.request).toEqual({
      type: "image",
      attrs: {
        name: "host/x:y",
        push: "true",
        "registry.insecure": "true",
        unpack: "true",
        store: "false",
        "name-canonical": "true",
        "dangling-name-prefix": "d",
        "danging-name-empty-only": "true",
        "oci-mediatypes": "true",
        "source-date-epoch": "",
        "attestation-inline": "false",
      },
    });
    expect((await prepare(moby())).request).toEqual({ type: "moby", attrs: {} });
    expect((await prepare(cacheOnly())).request).toBeUndefined();
  });

  it.each([
    ["a push without a name", "name", () => image({ push: true })],
    ["a tag that is not pushed", "name", () => image({ push: true, pushByDigest: true, name: "host/x:y" })],
    ["a name that is none", "reference", () => image({ name: "Not A Name" })],
    [
      "files that are not in the layers",
      "rewriteTimestamp",
      () => image({ unpack: true, rewriteTimestamp: true }),
    ],
    ["Docker's layers in zstd", "ociMediaTypes", () => image({ ociMediaTypes: false, compression: "zstd" })],
    ["a level that there is not", "compressionLevel", () => image({ compressionLevel: 10 })],
    ["half a second", "sourceDateEpoch", () => image({ sourceDateEpoch: 0.5 })],
    ["an annotation without a key", "annotations", () => image({ annotations: { " ": "x" } })],
    ["a tag with a colon", "tags", () => oci({ tar: false, dest: path.join(folder, "l"), tags: ["a:b"] })],
  ])("refuses %s", async (_what, argument, make) => {
    const preparing = (async () => prepare<unknown>(make()))();
    await expect(preparing).rejects.toMatchObject({ name: "InvalidArgumentError", argument });
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  it("is told about from what is true of it where others have answered too", async () => {
    const last = await (await prepare(image())).finish(answer(facts, { standing: "last" }));
    expect(last).toMatchObject({ digest: "sha256:aa", names: [], contentBytes: 123 });
    const recorded = async () => ({ ...descriptor, digest: "sha256:dd" as const });
    const first = await (await prepare(image({ name: "a" }))).finish(
      answer(facts, { standing: "overwritten", recorded }),
    );
    expect(first).toMatchObject({ digest: "sha256:dd", configDigest: "sha256:bb", names: ["a"] });
    const unknown = await (await prepare(image())).finish(answer(facts, { standing: "overwritten" }));
    expect(unknown).toEqual({ type: "image", names: [], unknown: expect.stringContaining("history") });
  });

  it("is told about as far as the daemon lets it be read", async () => {
    const read = () => Promise.reject(new Error("gone"));
    const result = await (await prepare(image())).finish(answer(facts, { read }));
    expect(result).toMatchObject({ digest: "sha256:aa", unknown: expect.stringContaining("gone") });
  });
});

describe("an exporter to a function or an open file", () => {
  it("gives it the bytes, and waits for it", async () => {
    const pieces: Uint8Array[] = [];
    const collect = async (bytes: AsyncIterable<Uint8Array>) => {
      for await (const piece of bytes) pieces.push(piece);
    };
    const prepared = await prepare(oci({ dest: collect }));
    await prepared.sink?.receive(bytesCall("archive"));
    expect(Buffer.concat(pieces).toString()).toBe("archive");
    expect(await prepared.finish(answer(facts))).toMatchObject({ archiveBytes: 7 });
  });

  it("fails when it fails or leaves early", async () => {
    const mine = new Error("mine");
    const failing = await prepare(tar({ dest: () => Promise.reject(mine) }));
    await expect(failing.sink?.receive(bytesCall("archive"))).rejects.toBe(mine);
    const leaving = await prepare(tar({ dest: async () => {} }));
    await expect(leaving.sink?.receive(bytesCall("archive"))).rejects.toMatchObject({
      code: "ERR_BUILDKIT_DESTINATION",
    });
    await leaving.discard();
  });

  it("writes an open file from where it stands, and leaves it open", async () => {
    await using handle = await open(path.join(folder, "file"), "w");
    await handle.write("head ");
    const prepared = await prepare(tar({ dest: handle }));
    await prepared.sink?.receive(bytesCall("archive"));
    await handle.write(" tail");
    expect(fs.readFileSync(path.join(folder, "file"), "utf8")).toBe("head archive tail");
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
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  it("has no success without anything sent", async () => {
    const dest = path.join(folder, "a");
    const exporters = [local({ dest }), tar({ dest }), tar({ dest: new PassThrough() })];
    for (const exporter of exporters) {
      const prepared = await prepare<unknown>(exporter);
      await expect(prepared.finish(answer({}))).rejects.toBeInstanceOf(DestinationError);
    }
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  it("finds before the build that it cannot write", async () => {
    fs.writeFileSync(path.join(folder, "file"), "");
    await expect(prepare(local({ dest: "" }))).rejects.toBeInstanceOf(InvalidArgumentError);
    await expect(prepare(local({ dest: path.join(folder, "file") }))).rejects.toThrow("is not a directory");
    await expect(prepare(local({ dest: path.join(folder, "file/below") }))).rejects.toBeInstanceOf(
      DestinationError,
    );
    for (const name of ["n".repeat(256), "a\0b"]) {
      for (const make of [local, tar]) {
        await expect(prepare<unknown>(make({ dest: path.join(folder, name) }))).rejects.toBeInstanceOf(
          DestinationError,
        );
      }
    }
    fs.symlinkSync("nowhere", path.join(folder, "link"));
    for (const dest of ["link", "link/below"]) {
      await expect(prepare(local({ dest: path.join(folder, dest) }))).rejects.toThrow("leads nowhere");
    }
  });
});
