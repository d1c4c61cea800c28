import fs from "node:fs";
import { mkdtemp, open, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { PassThrough } from "node:stream";
import { InvalidArgumentError } from "@buildkit-node/core";
import { docker, local, oci, refuseSharedDestinations, tar } from "@buildkit-node/exporters";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

let folder: string;

beforeEach(async () => {
  folder = await fs.promises.realpath(await mkdtemp(path.join(os.tmpdir(), "exporters-test-")));
  fs.mkdirSync(path.join(folder, "real"));
  fs.symlinkSync("real", path.join(folder, "link"));
  fs.writeFileSync(path.join(folder, "real/file"), "");
  fs.symlinkSync("real/file", path.join(folder, "file-link"));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const at = (name: string) => path.join(folder, name);

describe("destinations of one build", () => {
  it.each([
    ["the same file", () => [tar({ dest: at("a") }), oci({ dest: at("a") })], ["tar and oci", "/a:"]],
    [
      "the same file through a link",
      () => [tar({ dest: at("real/a") }), tar({ dest: at("link/a") })],
      ["tar and tar", "real/a:"],
    ],
    [
      "the same file, of which one is a link",
      () => [tar({ dest: at("real/file") }), tar({ dest: at("file-link") })],
      ["tar and tar", "real/file:"],
    ],
    [
      "the same directory",
      () => [local({ dest: at("a") }), local({ dest: at("a/") })],
      ["local and local", "/a:"],
    ],
    [
      "a directory that is also a layout",
      () => [local({ dest: at("link") }), oci({ dest: at("real"), tar: false })],
      ["local and oci", "/real:"],
    ],
    [
      "a directory that is also a file",
      () => [docker({ dest: at("a") }), local({ dest: at("a") })],
      ["docker and local", "/a:"],
    ],
    [
      "what lies below a file",
      () => [local({ dest: at("a/b") }), tar({ dest: at("a") })],
      ["local", "/a/b", "tar"],
    ],
    [
      "what is deleted",
      () => [tar({ dest: at("real/deep/a") }), local({ dest: at("link"), mode: "delete" })],
      ["tar", "real/deep/a", "deleted by local"],
    ],
    [
      "a layout's own files",
      () => [oci({ dest: at("a"), tar: false }), local({ dest: at("a/blobs/sha256") })],
      ["local", "a/blobs/sha256", "layout by oci"],
    ],
  ])("are refused where both write to %s", (_, exporters, words) => {
    const refusal = refused(exporters());
    expect(refusal).toBeInstanceOf(InvalidArgumentError);
    for (const word of words) expect(String(refusal)).toContain(word);
  });

  it("are refused where they are the same stream or open file", async () => {
    await using file = await open(at("file"), "w");
    const stream = new PassThrough();
    for (const dest of [file, stream]) {
      expect(String(refused([tar({ dest }), oci({ dest })]))).toContain(
        "tar and oci both write to the same stream",
      );
    }
    expect(refused([tar({ dest: file }), oci({ dest: stream })])).toBeUndefined();
  });

  it("may lie beside and in each other where nothing is lost", () => {
    const layout = () => oci({ dest: at("layout"), tar: false });
    expect(
      refused([
        local({ dest: folder }),
        local({ dest: at("real") }),
        local({ dest: at("real-too"), mode: "delete" }),
        tar({ dest: at("real/a.tar") }),
        tar({ dest: at("..a") }),
        layout(),
        layout(),
        docker({ dest: at("layout"), tar: false }),
        tar({ dest: at("layout/rootfs.tar") }),
        tar({ dest: "/dev/null" }),
        tar({ dest: "/dev/null" }),
        oci({ dest: async (bytes) => void (await bytes[Symbol.asyncIterator]().next()) }),
      ]),
    ).toBeUndefined();
  });
});

function refused(exporters: Parameters<typeof refuseSharedDestinations>[0]): unknown {
  try {
    return refuseSharedDestinations(exporters);
  } catch (error) {
    return error;
  }
}
