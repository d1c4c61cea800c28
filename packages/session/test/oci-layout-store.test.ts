import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ociLayoutStore, updateLayoutIndex } from "@buildkit-node/session";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { digestOf, readAll, sampleBytes, storeBlob } from "./content-store-compliance.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "oci-layout-store-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const data = sampleBytes(64 * 1024);
const digest = digestOf(data);
const hex = digest.slice("sha256:".length);
const blobPath = () => join(dir, "blobs", "sha256", hex);
const ingestPath = (ref: string) => join(dir, "ingest", createHash("sha256").update(ref).digest("hex"));

describe("on disk", () => {
  it("keeps blobs where OCI layouts do, read-only, and leaves no ingest behind", async () => {
    await storeBlob(ociLayoutStore(dir), data);
    expect((await readFile(blobPath())).equals(data)).toBe(true);
    expect((await stat(blobPath())).mode & 0o222).toBe(0);
    expect(await readdir(join(dir, "ingest"))).toEqual([]);
  });

  it("may be written to by a group whose umask allows it", async () => {
    const layout = join(dir, "layout");
    const umask = process.umask(0o002);
    try {
      await storeBlob(ociLayoutStore(layout), data);
      await updateLayoutIndex(join(dir, "other"), (index) => index);
    } finally {
      process.umask(umask);
    }
    for (const made of ["layout", "layout/blobs", "layout/blobs/sha256", "layout/ingest", "other"])
      expect((await stat(join(dir, made))).mode & 0o777, made).toBe(0o775);
  });

  it("creates nothing until something is written", async () => {
    const store = ociLayoutStore(join(dir, "absent"));
    await expect(store.info(digest)).rejects.toMatchObject({ reason: "not-found" });
    for await (const info of store.list()) expect.unreachable(info.digest);
    for await (const status of store.listStatuses()) expect.unreachable(status.ref);
    expect(await readdir(dir)).toEqual([]);
  });

  it("keeps ingests as containerd does", async () => {
    const writer = await ociLayoutStore(dir).openWriter({ ref: "layer-1", totalBytes: data.length });
    await writer.write(data.subarray(0, 10));
    await writer.close();
    const read = (name: string) => readFile(join(ingestPath("layer-1"), name), "utf8");
    expect((await readdir(ingestPath("layer-1"))).sort()).toEqual([
      "data",
      "ref",
      "startedat",
      "total",
      "updatedat",
    ]);
    expect(await read("ref")).toBe("layer-1");
    expect(await read("total")).toBe(String(data.length));
    expect(await read("startedat")).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  it("goes on from an ingest that containerd left", async () => {
    await mkdir(ingestPath("layer-1"), { recursive: true });
    const put = (name: string, text: string | Uint8Array) =>
      writeFile(join(ingestPath("layer-1"), name), text);
    await put("ref", "layer-1");
    await put("startedat", "2026-11-21T08:00:00.123456789+02:00");
    await put("updatedat", "2026-11-21T08:00:01Z");
    await put("data", data.subarray(0, 1000));
    const writer = await ociLayoutStore(dir).openWriter({ ref: "layer-1", totalBytes: data.length, digest });
    expect(writer.status).toMatchObject({
      offsetBytes: 1000,
      startedAt: new Date("2026-11-21T06:00:00.123Z"),
    });
    await writer.write(data.subarray(1000));
    await writer.commit({ digest, sizeBytes: data.length });
    expect((await readFile(blobPath())).equals(data)).toBe(true);
  });

  it("starts an ingest over whose notes are broken", async () => {
    for (const broken of ["ref", "startedat", "data"]) {
      const first = await ociLayoutStore(dir).openWriter({ ref: "layer-1" });
      await first.write(data);
      await first.close();
      if (broken === "data") await rm(join(ingestPath("layer-1"), broken));
      else await writeFile(join(ingestPath("layer-1"), broken), "?");
      await using second = await ociLayoutStore(dir).openWriter({ ref: "layer-1" });
      expect(second.status.offsetBytes).toBe(0);
    }
  });

  it("replaces a blob that is shorter than announced", async () => {
    await mkdir(join(dir, "blobs", "sha256"), { recursive: true });
    await writeFile(blobPath(), data.subarray(0, 5));
    await storeBlob(ociLayoutStore(dir), data);
    expect((await readFile(blobPath())).equals(data)).toBe(true);
  });

  it("passes over files that are no blobs", async () => {
    await storeBlob(ociLayoutStore(dir), data);
    await writeFile(join(dir, "blobs", "sha256", "README"), "not a blob");
    await mkdir(join(dir, "blobs", "md5"));
    await writeFile(join(dir, "blobs", "md5", "00"), "not a blob");
    await writeFile(join(dir, "blobs", ".DS_Store"), "not a directory");
    const digests: string[] = [];
    for await (const info of ociLayoutStore(dir).list()) digests.push(info.digest);
    expect(digests).toEqual([digest]);
  });

  it("names what cannot be read in the place of a blob", async () => {
    await mkdir(blobPath(), { recursive: true });
    const read = async () => {
      for await (const _ of ociLayoutStore(dir).read(digest)) break;
    };
    await expect(read()).rejects.toMatchObject({
      code: "ERR_BUILDKIT_LOCAL_SOURCE",
      message: `cannot read ${blobPath()}: it is a directory`,
    });
    await rm(join(dir, "blobs"), { recursive: true });
    await writeFile(join(dir, "blobs"), "");
    await expect(read()).rejects.toMatchObject({ reason: "not-found" });
    for await (const _ of ociLayoutStore(dir).list()) expect.unreachable();
  });

  it("names where no directory can be made", async ({ skip }) => {
    if (process.platform !== "linux") skip("needs /proc");
    await expect(ociLayoutStore("/proc/nope").openWriter({ ref: "layer-1", digest })).rejects.toMatchObject({
      code: "ERR_BUILDKIT_DESTINATION",
      message: expect.stringMatching(/^cannot write \/proc\/nope\/ingest\/\w+: ENOENT/),
    });
  });

  it("refuses to store a file that was changed behind its back", async () => {
    const writer = await ociLayoutStore(dir).openWriter({ ref: "layer-1", digest });
    await writer.write(data);
    await truncate(join(ingestPath("layer-1"), "data"), 10);
    await expect(writer.commit({ digest })).rejects.toMatchObject({ code: "ERR_BUILDKIT_DESTINATION" });
    await expect(stat(blobPath())).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("goes on after the process was killed in the middle of a write", async () => {
    const program = `
      import { ociLayoutStore } from "@buildkit-node/session";
      const writer = await ociLayoutStore(process.argv[1]).openWriter({ ref: "layer-1", totalBytes: ${data.length} });
      await writer.write(Buffer.alloc(5000, 7));
      process.stdout.write("written");
      setInterval(() => {}, 1000);`;
    const child = spawn(
      process.execPath,
      ["--conditions=@buildkit-node/source", "--import", "tsx", "--input-type=module", "-e", program, dir],
      { cwd: import.meta.dirname, stdio: ["ignore", "pipe", "inherit"] },
    );
    await once(child.stdout, "data");
    child.kill("SIGKILL");
    await once(child, "exit");
    await using writer = await ociLayoutStore(dir).openWriter({ ref: "layer-1", totalBytes: data.length });
    expect(writer.status.offsetBytes).toBe(5000);
    expect(await writer.digest()).toBe(digestOf(Buffer.alloc(5000, 7)));
  });
});

describe.runIf(process.platform === "linux" && process.getuid?.() === 0)("on a full disk", () => {
  let mounted: string;
  beforeEach(() => {
    mounted = join(dir, "small");
    execFileSync("mkdir", [mounted]);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", mounted]);
  });
  afterEach(() => execFileSync("umount", [mounted]));

  it("fails, naming the file, keeps no blob, and can go on when there is room again", async () => {
    await writeFile(join(mounted, "ballast"), Buffer.alloc(700 * 1024));
    const store = ociLayoutStore(mounted);
    const large = sampleBytes(600 * 1024);
    const first = await store.openWriter({ ref: "layer-1", totalBytes: large.length });
    await expect(first.write(large)).rejects.toMatchObject({
      code: "ERR_BUILDKIT_DESTINATION",
      message: expect.stringContaining(join(mounted, "ingest")),
      cause: expect.objectContaining({ code: "ENOSPC" }),
    });
    await first.close();
    for await (const info of store.list()) expect.unreachable(info.digest);

    await rm(join(mounted, "ballast"));
    const second = await store.openWriter({ ref: "layer-1", totalBytes: large.length });
    await second.write(large.subarray(second.status.offsetBytes));
    const stored = await second.commit({ digest: digestOf(large), sizeBytes: large.length });
    expect((await readAll(store.read(stored.digest))).equals(large)).toBe(true);
  });
});
