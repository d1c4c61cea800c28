import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { type Descriptor, type Index, type Manifest, putInIndex } from "@buildkit-node/oci";
import {
  type ContentStore,
  contentService,
  copyContent,
  ociLayoutStore,
  pruneLayout,
  readLayoutIndex,
  resolveInLayout,
  updateLayoutIndex,
} from "@buildkit-node/session";
import { afterEach, beforeEach, expect, it } from "vitest";
import { buildInSession, forgetEverything, type SessionBuild } from "../support/session-build.ts";
import { describeEachDaemon, type Way } from "../support/ways.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), "bk-content-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const image = (content: string) => ({
  dockerfile: "FROM scratch\nCOPY large small /\nCOPY busybox /bin/",
  files: { large: Buffer.alloc(9_000_000, content), small: content },
});

/** Exports into a layout, and files the image under a tag as an exporter does. */
async function exportLayout(
  way: Way,
  content: string,
  tag: string,
  store = ociLayoutStore(dir),
): Promise<Descriptor> {
  const response = await buildInSession(way, {
    ...image(content),
    exporters: [
      { type: "oci", attrs: { tar: "false", compression: "uncompressed", "force-compression": "true" } },
    ],
    attachables: [contentService(new Map([["export", store]]))],
  });
  const descriptor: Descriptor = JSON.parse(
    Buffer.from(response["containerimage.descriptor"] ?? "", "base64").toString(),
  );
  await updateLayoutIndex(dir, (index) => putInIndex(index, descriptor, [{ tag }]));
  return descriptor;
}

async function document<T>(store: ContentStore, digest: string): Promise<T> {
  const pieces: Uint8Array[] = [];
  for await (const piece of store.read(digest)) pieces.push(piece);
  return JSON.parse(Buffer.concat(pieces).toString());
}

async function manifestOf(store: ContentStore, root: Descriptor): Promise<Manifest> {
  const found = await document<Manifest | Index>(store, root.digest);
  return "manifests" in found ? document(store, found.manifests[0]!.digest) : found;
}

/** The same store, told of what is done with it. */
function watch(
  inner: ContentStore,
  {
    onRead,
    onWrite,
  }: { readonly onRead?: (digest: string) => void; readonly onWrite?: (ref: string) => void },
): ContentStore {
  return {
    info: (digest) => inner.info(digest),
    read: (digest, options) => {
      onRead?.(digest);
      return inner.read(digest, options);
    },
    openWriter: async (options) => {
      const writer = await inner.openWriter(options);
      onWrite?.(options.ref);
      return writer;
    },
    list: () => inner.list(),
    delete: (digest) => inner.delete(digest),
    status: (ref) => inner.status(ref),
    listStatuses: () => inner.listStatuses(),
    abort: (ref) => inner.abort(ref),
  };
}

/** Checks every blob against its name, with a tool that is not ours. */
async function verify(layout: string): Promise<number> {
  const blobs = path.join(layout, "blobs/sha256");
  const names = await readdir(blobs);
  for (const name of names) {
    const { stdout } = await promisify(execFile)("sha256sum", [path.join(blobs, name)]);
    expect(stdout.startsWith(name)).toBe(true);
  }
  return names.length;
}

describeEachDaemon("content stores", (way) => {
  it("take an image as an OCI layout, which is a source of later builds", async () => {
    const root = await exportLayout(way, "a", "dev");
    const { layers } = await manifestOf(ociLayoutStore(dir), root);
    expect(layers.length).toBe(2);
    expect(layers[0]?.size).toBeGreaterThan(9_000_000);
    await verify(dir);
    expect(await readdir(path.join(dir, "ingest"))).toEqual([]);
    expect((await readdir(dir)).sort()).toEqual(["blobs", "index.json", "ingest", "oci-layout"]);

    const found = await resolveInLayout(dir, "dev");
    const again = ociLayoutStore(await mkdtemp(path.join(dir, "again-")));
    const response = await buildInSession(way, {
      dockerfile: 'FROM base\nRUN ["/bin/busybox", "sh", "-c", "busybox cat /small > /copied"]',
      frontendAttrs: { "context:base": `oci-layout://layout@${found?.digest}` },
      exporters: [{ type: "oci", attrs: { tar: "false" } }],
      attachables: [
        contentService(
          new Map([
            ["oci:layout", ociLayoutStore(dir)],
            ["export", again],
          ]),
        ),
      ],
    });
    expect(response["containerimage.digest"]).toMatch(/^sha256:/);
  });

  it("are not sent again what they have", async () => {
    await exportLayout(way, "b", "one");
    const blobs = path.join(dir, "blobs/sha256");
    const times = async () =>
      Object.fromEntries(
        await Promise.all(
          (await readdir(blobs)).map(async (name) => [name, (await stat(path.join(blobs, name))).ino]),
        ),
      );
    const before = await times();
    const opened: string[] = [];
    const watched = watch(ociLayoutStore(dir), { onWrite: (ref) => opened.push(ref) });
    await exportLayout(way, "b", "two", watched);
    expect(opened.filter((ref) => ref.includes("layer"))).toEqual([]);
    expect(await times()).toMatchObject(before);
  });

  it("stay right over several exports of changing tags", async () => {
    for (const [content, tag] of [
      ["1", "latest"],
      ["2", "v2"],
      ["3", "latest"],
    ] as const) {
      await exportLayout(way, content, tag);
    }
    const index = await readLayoutIndex(dir);
    expect(
      index?.manifests.map(({ annotations }) => annotations?.["org.opencontainers.image.ref.name"]),
    ).toEqual(["v2", "latest"]);
    const total = await verify(dir);
    const deleted = await pruneLayout(dir);
    expect(deleted).toBeGreaterThan(0);
    expect(await verify(dir)).toBe(total - deleted);
    const copy = ociLayoutStore(path.join(dir, "copy"));
    await copyContent(ociLayoutStore(dir), copy, (await resolveInLayout(dir, "v2"))!);
    await verify(path.join(dir, "copy"));
  });

  it("keep a local cache that a later build takes its steps from", async () => {
    const cache = path.join(dir, "cache");
    const read = new Set<string>();
    const build = (out: string, caches: Pick<SessionBuild, "cacheFrom" | "cacheTo" | "frontendAttrs">) =>
      buildInSession(way, {
        dockerfile:
          'FROM scratch\nCOPY busybox /bin/\nRUN ["/bin/busybox", "dd", "if=/dev/urandom", "of=/random", "count=1"]',
        exporters: [{ type: "oci", attrs: { tar: "false" } }],
        attachables: [
          contentService(
            new Map([
              [`local:${cache}`, watch(ociLayoutStore(cache), { onRead: (digest) => read.add(digest) })],
              ["export", ociLayoutStore(path.join(dir, out))],
            ]),
          ),
        ],
        ...caches,
      });
    const first = await build("one", {
      frontendAttrs: { "no-cache": "" },
      cacheTo: [{ type: "local", attrs: { dest: cache, mode: "max" } }],
    });
    const manifest: Descriptor = JSON.parse(first["cache.manifest"] ?? "{}");
    await updateLayoutIndex(cache, (index) => putInIndex(index, manifest, [{ tag: "latest" }]));
    await verify(cache);
    if (way.ours) await forgetEverything(way);
    const digest = (await resolveInLayout(cache, "latest"))?.digest ?? "";
    const second = await build("two", { cacheFrom: [{ type: "local", attrs: { src: cache, digest } }] });
    expect(read).toContain(digest);
    expect(second["containerimage.config.digest"]).toBe(first["containerimage.config.digest"]);
  });

  it("that have a broken blob fail the build that needs it", async (context) => {
    if (!way.ours) context.skip("a daemon that is not ours cannot be made to forget what it has built");
    const root = await exportLayout(way, "c", "dev");
    const { layers } = await manifestOf(ociLayoutStore(dir), root);
    const blob = path.join(dir, "blobs", layers[0]!.digest.replace(":", "/"));
    const bytes = await readFile(blob);
    bytes[bytes.length >> 1]! ^= 1;
    await rm(blob);
    await writeFile(blob, bytes);
    await forgetEverything(way);
    await expect(
      buildInSession(way, {
        dockerfile: 'FROM base\nRUN ["/bin/busybox", "true"]',
        frontendAttrs: { "context:base": `oci-layout://layout@${root.digest}` },
        attachables: [contentService(new Map([["oci:layout", ociLayoutStore(dir)]]))],
      }),
    ).rejects.toMatchObject({ code: "ERR_BUILDKIT_STATUS" });
  });
});
