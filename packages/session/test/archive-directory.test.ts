import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import {
  fileSync,
  imageDirectory,
  memoryStore,
  openSession,
  tarDirectory,
  type VirtualDirectory,
} from "@buildkit-node/session";
import { describe, expect, it, onTestFinished } from "vitest";
import { type ReceivedTree, receiveWhole } from "./support/packets.ts";
import { scriptedDaemon } from "./support/scripted-daemon.ts";
import { tempDir } from "./support/temp-dir.ts";

async function received(context: VirtualDirectory | string): Promise<ReceivedTree> {
  const { connection, nextSession } = await scriptedDaemon();
  const session = await openSession(connection, { attachables: [fileSync({ directories: { context } })] });
  onTestFinished(() => session.close());
  const call = (await nextSession()).call("/moby.filesync.v1.FileSync/DiffCopy", { "dir-name": "context" });
  const tree = await receiveWhole(call, { encoding: "latin1" });
  if (session.failure !== undefined) throw session.failure;
  return tree;
}

/** What a build gets, but for owners, which a directory on disk does not tell. */
async function contents(context: VirtualDirectory | string): Promise<unknown> {
  const { entries, files } = await received(context);
  return {
    entries: entries.map(({ uid: _, ...entry }) => entry),
    files: Object.fromEntries(
      [...files].map(([name, bytes]) => [name, createHash("sha256").update(bytes).digest("hex")]),
    ),
  };
}

/** A directory of what tar archives have to have extensions for, with times of whole seconds. */
async function makeTree(): Promise<string> {
  const root = path.join(await tempDir(), "tree");
  const long = "long ".repeat(30);
  fs.mkdirSync(path.join(root, "dir", long), { recursive: true });
  fs.writeFileSync(path.join(root, "dir", long, `${long}ü`), "long");
  fs.writeFileSync(path.join(root, "dir/large"), Buffer.alloc(1_000_001, "large"));
  fs.writeFileSync(path.join(root, "dir/tool"), "#!", { mode: 0o755 });
  fs.writeFileSync(path.join(root, "empty"), "");
  fs.writeFileSync(path.join(root, "sort-dash"), "-");
  fs.mkdirSync(path.join(root, "sort"));
  fs.writeFileSync(Buffer.from(`${root}/odd\xff`, "latin1"), "odd");
  fs.symlinkSync(`${long}${long}`, path.join(root, "link"));
  fs.linkSync(path.join(root, "dir/tool"), path.join(root, "a hard link"));
  execFileSync("mkfifo", [path.join(root, "pipe")]);
  execFileSync("find", [root, "-exec", "touch", "-h", "-d", "2001-02-03T04:05:06Z", "{}", "+"]);
  return root;
}

function tar(directory: string, to: string, ...options: readonly string[]): string {
  execFileSync("tar", ["-cf", to, "-C", directory, ...options, "."]);
  return to;
}

describe("a tar archive as a local source", () => {
  it.each(["gnu", "pax", "gnu --sort=name --numeric-owner"])("is what was packed: %s", async (options) => {
    const root = await makeTree();
    const [format = "", ...more] = options.split(" ");
    const archive = tar(root, `${root}.tar`, `--format=${format}`, ...more);
    expect(await contents(tarDirectory(archive))).toEqual(await contents(root));
  });

  it("comes from a stream, compressed or not, which leaves no file behind", async () => {
    const root = await makeTree();
    const expected = await contents(root);
    const archive = tar(root, `${root}.tar`);
    fs.writeFileSync(`${archive}.gz`, gzipSync(fs.readFileSync(archive)));
    const tempDirectory = await tempDir();
    for (const source of [
      `${archive}.gz`,
      fs.createReadStream(archive),
      fs.createReadStream(`${archive}.gz`),
    ]) {
      await using directory = tarDirectory(source, { tempDirectory });
      expect(await contents(directory)).toEqual(expected);
      expect(await contents(directory), "once more").toEqual(expected);
      expect(fs.readdirSync(tempDirectory)).toEqual([]);
    }
    expect(openFiles().filter((file) => file.startsWith(tempDirectory))).toEqual([]);
  });

  it.each(["gnu", "pax"])("has times of any year, or the nearest that can be sent: %s", async (format) => {
    const root = await tempDir();
    fs.writeFileSync(path.join(root, "file"), "");
    const inNs = (date: string) => BigInt(Date.parse(date)) * 1_000_000n;
    for (const [date, expected] of [
      ["0001-01-01T00:00:00Z", -(2n ** 63n)],
      ["1900-01-01T00:00:00Z", inNs("1900-01-01")],
      ["2200-01-01T00:00:00Z", inNs("2200-01-01")],
      ["9999-12-31T00:00:00Z", 2n ** 63n - 1n],
    ] as const) {
      const archive = tar(root, path.join(await tempDir(), "a.tar"), `--format=${format}`, `--mtime=${date}`);
      const { entries } = await received(tarDirectory(archive));
      expect(entries, date).toMatchObject([{ path: "file", mtimeNs: expected }]);
    }
  });

  it("has owners, and of a path that comes twice the last", async () => {
    const root = await tempDir();
    fs.writeFileSync(path.join(root, "file"), "first");
    const archive = tar(root, `${root}.tar`, "--owner=12", "--group=13");
    fs.writeFileSync(path.join(root, "file"), "second");
    execFileSync("tar", ["-rf", archive, "-C", root, "--owner=14", "--group=13", "./file"]);
    onTestFinished(() => fs.rmSync(archive));
    const { entries, files } = await received(tarDirectory(archive));
    expect(entries).toMatchObject([{ path: "file", uid: 14, size: 6 }]);
    expect(files.get("file")?.toString()).toBe("second");
  });

  it("is told from what it was before", async () => {
    const root = await makeTree();
    const archive = tar(root, `${root}.tar`);
    const before = tarDirectory(archive);
    expect(tarDirectory(archive).identity).toBe(before.identity);
    fs.appendFileSync(archive, Buffer.alloc(512));
    expect(tarDirectory(archive).identity).not.toBe(before.identity);
    await expect(contents(before)).rejects.toThrow("was changed");
  });

  it("fails with the archive's name when it is none, is cut off, or leads out", async () => {
    const root = await makeTree();
    const archive = tar(root, `${root}.tar`);
    const whole = fs.readFileSync(archive);
    const cases: readonly (readonly [Buffer, RegExp])[] = [
      [Buffer.alloc(2048, "no tar"), /is no tar archive/],
      [whole.subarray(0, whole.indexOf("large") + 5000), /ends in the middle/],
      [gzipSync(whole).subarray(0, 2000), /unexpected end of file/],
      [Buffer.from("BZh91AY&SY"), /bzip2/],
    ];
    for (const [bytes, message] of cases) {
      fs.writeFileSync(archive, bytes);
      await expect(received(tarDirectory(archive))).rejects.toThrow(message);
    }
    execFileSync("tar", ["-cf", archive, "-P", "--transform=s,^,../,", "-C", root, "empty"]);
    await expect(received(tarDirectory(archive))).rejects.toThrow("leads out");
    expect(() => tarDirectory(path.join(root, "nope.tar"))).toThrow("does not exist");
    expect(() => tarDirectory(root)).toThrow("is not a file");
  });

  it("fails, and comes to an end, whatever is in its headers", async () => {
    const root = await tempDir();
    for (const name of ["a", "b", "c"]) fs.writeFileSync(path.join(root, name), name);
    const archive = tar(root, `${root}.tar`, "--format=pax");
    onTestFinished(() => fs.rmSync(archive));
    const whole = fs.readFileSync(archive);
    const header = whole.indexOf("./a\0");
    const sizes = [Buffer.alloc(12, 0xff), Buffer.from("no number\0\0\0"), Buffer.from("77777777777\0")];
    for (const size of sizes) {
      const broken = Buffer.from(whole);
      size.copy(broken, header + 124);
      signHeader(broken.subarray(header, header + 512));
      fs.writeFileSync(archive, broken);
      await expect(received(tarDirectory(archive))).rejects.toThrow(/size that is none|ends in the middle/);
    }
  });

  it("cannot be used when it is closed", async () => {
    const root = await makeTree();
    const directory = tarDirectory(tar(root, `${root}.tar`));
    await directory.close();
    await directory.close();
    await expect(received(directory)).rejects.toMatchObject({
      message: expect.stringContaining("is closed"),
    });
  });

  it("makes no temporary file when it is closed before the first is needed", async () => {
    const tempDirectory = await tempDir();
    let isRead = false;
    async function* source() {
      isRead = true;
      yield Buffer.alloc(1024);
    }
    const directory = tarDirectory(source(), { tempDirectory });
    const first = (async () => {
      for await (const { path: entry } of directory.entries()) expect.unreachable(String(entry));
    })();
    await directory.close();
    await expect(first).rejects.toMatchObject({ code: "ERR_BUILDKIT_CLOSED" });
    expect(isRead).toBe(false);
    expect(openFiles().filter((file) => file.startsWith(tempDirectory))).toEqual([]);
  });
});

/** Sets the checksum of a tar archive's header. */
function signHeader(header: Buffer): void {
  header.fill(" ", 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
}

/** What this process has open, by the names that it was opened under. */
function openFiles(): string[] {
  return fs.readdirSync("/proc/self/fd").flatMap((descriptor) => {
    try {
      return [fs.readlinkSync(`/proc/self/fd/${descriptor}`)];
    } catch {
      return []; // the descriptor of the list itself
    }
  });
}

interface Layer {
  readonly files: Readonly<Record<string, string>>;
  readonly compressed?: boolean;
}

const manifestType = "application/vnd.oci.image.manifest.v1+json";

/** Writes an OCI layout with an image for each platform, and answers its directory. */
async function makeLayout(images: Readonly<Record<string, readonly Layer[]>>): Promise<string> {
  const layout = path.join(await tempDir(), "layout");
  fs.mkdirSync(path.join(layout, "blobs/sha256"), { recursive: true });
  const blob = (bytes: Buffer | string) => {
    const hex = createHash("sha256").update(bytes).digest("hex");
    fs.writeFileSync(path.join(layout, "blobs/sha256", hex), bytes);
    return { digest: `sha256:${hex}`, size: Buffer.byteLength(bytes) };
  };
  const manifests: object[] = [];
  for (const [platform, layers] of Object.entries(images)) {
    const [os, architecture] = platform.split("/");
    const descriptors = [];
    for (const { files, compressed = false } of layers) {
      const bytes = await layerTar(files);
      descriptors.push({ mediaType: "application/x", ...blob(compressed ? gzipSync(bytes) : bytes) });
    }
    const manifest = blob(JSON.stringify({ schemaVersion: 2, config: blob("{}"), layers: descriptors }));
    manifests.push({ mediaType: manifestType, ...manifest, platform: { os, architecture } });
  }
  manifests.push({
    mediaType: manifestType,
    ...blob("attestation"),
    platform: { os: "unknown", architecture: "unknown" },
  });
  const index = { mediaType: "x", ...blob(JSON.stringify({ schemaVersion: 2, manifests })) };
  const names = ["one", "two"].map((tag) => ({
    ...index,
    annotations: { "org.opencontainers.image.ref.name": tag },
  }));
  fs.writeFileSync(path.join(layout, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: names }));
  fs.writeFileSync(path.join(layout, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  return layout;
}

/** `link:TARGET` is a symlink, `hard:PATH` a hard link, a name with a slash at its end a directory. */
async function layerTar(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const root = await tempDir();
  for (const [name, content] of Object.entries(files)) {
    const full = path.join(root, name);
    fs.mkdirSync(path.dirname(full), { recursive: true });
    if (name.endsWith("/")) fs.mkdirSync(full, { recursive: true });
    else if (content.startsWith("link:")) fs.symlinkSync(content.slice(5), full);
    else if (content.startsWith("hard:")) fs.linkSync(path.join(root, content.slice(5)), full);
    else fs.writeFileSync(full, content);
  }
  return execFileSync("tar", ["-cf", "-", "-C", root, ...Object.keys(files)]);
}

async function texts(directory: VirtualDirectory): Promise<Record<string, string>> {
  const { entries, files } = await received(directory);
  return Object.fromEntries(
    entries.map(({ path, linkname }) => [
      path,
      files.get(path)?.toString() ?? (linkname && `-> ${linkname}`),
    ]),
  );
}

describe("an image as a local source", () => {
  const layers: readonly Layer[] = [
    {
      compressed: true,
      files: {
        "bin/tool": "one",
        "bin/other": "hard:bin/tool",
        "gone/deep/file": "",
        lib: "link:usr/lib",
        "opaque/old": "",
        replaced: "link:bin",
        swapped: "file",
        "usr/lib/a": "a",
      },
    },
    { files: { ".wh.gone": "", "bin/.wh.tool": "", "opaque/.wh..wh..opq": "", "opaque/new": "new" } },
    {
      compressed: true,
      files: { "replaced/": "", "replaced/in": "in", swapped: "link:usr", "usr/lib/a": "A" },
    },
  ];
  const merged = {
    bin: "",
    "bin/other": "one",
    lib: "-> usr/lib",
    opaque: "",
    "opaque/new": "new",
    replaced: "",
    "replaced/in": "in",
    swapped: "-> usr",
    usr: "",
    "usr/lib": "",
    "usr/lib/a": "A",
  };

  it("has its layers over each other, whiteouts applied, in a layout, an archive or a store", async () => {
    const layout = await makeLayout({ "linux/amd64": layers });
    await using fromDirectory = imageDirectory(layout);
    expect(await texts(fromDirectory)).toEqual(merged);
    await using fromArchive = imageDirectory(tar(layout, `${layout}.tar`));
    expect(await texts(fromArchive)).toEqual(merged);
    const store = memoryStore();
    for (const hex of fs.readdirSync(path.join(layout, "blobs/sha256"))) {
      await using writer = await store.openWriter({ ref: hex });
      await writer.write(fs.readFileSync(path.join(layout, "blobs/sha256", hex)));
      await writer.commit();
    }
    const { manifests } = JSON.parse(fs.readFileSync(path.join(layout, "index.json"), "utf8"));
    await using fromStore = imageDirectory({ store, digest: manifests[0].digest });
    expect(await texts(fromStore)).toEqual(merged);
  });

  it("is looked into through links that lead to directories of it", async () => {
    const parents: readonly Layer[] = [
      { files: { "usr/lib/a": "a", lib: "link:/usr/lib", up: "link:../../../../usr" } },
      { files: { "other/": "", "lib/b": "b", "lib/.wh.a": "", "up/c": "c" } },
    ];
    const layout = await makeLayout({ "linux/amd64": parents });
    // What is below a directory in the second layer is below a link to one in the image.
    const { files } = await received(imageDirectory(layout));
    expect([...files.keys()].sort()).toEqual(["usr/c", "usr/lib/b"]);
  });

  it("is one of several platforms and names", async () => {
    const layout = await makeLayout({
      "linux/amd64": [{ files: { of: "amd64" } }],
      "linux/arm64": [{ files: { of: "arm64" } }],
    });
    for (const architecture of ["amd64", "arm64"]) {
      const directory = imageDirectory(layout, { name: "one", platform: `linux/${architecture}` });
      expect(await texts(directory)).toEqual({ of: architecture });
    }
    await expect(received(imageDirectory(layout))).rejects.toThrow("several platforms: give one");
    await expect(received(imageDirectory(layout, { platform: "linux/s390x" }))).rejects.toThrow(
      "linux/arm64",
    );
    await expect(received(imageDirectory(layout, { name: "three" }))).rejects.toThrow(
      'no image of the name "three"',
    );
    expect(imageDirectory(layout, { platform: "linux/amd64" }).identity).not.toBe(
      imageDirectory(layout).identity,
    );
  });

  it("fails where there is no image", async () => {
    const empty = await tempDir();
    expect(() => imageDirectory(empty)).toThrow("index.json");
    const archive = tar(empty, `${empty}.tar`);
    onTestFinished(() => fs.rmSync(archive));
    await expect(received(imageDirectory(archive))).rejects.toThrow("no image in the OCI layout");
    const layout = await makeLayout({ "linux/amd64": [{ files: { a: "" } }] });
    for (const name of fs.readdirSync(path.join(layout, "blobs/sha256"))) {
      if (fs.statSync(path.join(layout, "blobs/sha256", name)).size > 5000)
        fs.rmSync(path.join(layout, "blobs/sha256", name));
    }
    await expect(received(imageDirectory(layout))).rejects.toThrow("blobs/sha256/");
  });
});
