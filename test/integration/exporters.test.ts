import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { open, readdir, readFile, stat } from "node:fs/promises";
import path from "node:path";
import { connect } from "@buildkit-node/control";
import { cacheOnly, docker, image, oci, tar } from "@buildkit-node/exporters";
import { mkfile, ociLayout, type State, scratch } from "@buildkit-node/llb";
import { type Image, type Index, type Manifest, putInIndex } from "@buildkit-node/oci";
import { contentService, ociLayoutStore, readLayoutIndex, updateLayoutIndex } from "@buildkit-node/session";
import { afterAll, beforeAll, expect, it } from "vitest";
import { needsCapability } from "../support/capabilities.ts";
import { type Registry, startRegistry } from "../support/registry.ts";
import { workDirectory } from "../support/tools.ts";
import { describeEachDaemon } from "../support/ways.ts";

let registry: Registry;
beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(() => registry?.[Symbol.asyncDispose]());

const fresh = () => `${Date.now()} ${Math.random()}`;

/** Two layers, the second of which differs each time. */
function files(text = fresh()): State {
  return scratch().file(mkfile("/first", "the same each time")).file(mkfile("/second", text));
}

const sha256 = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

function archived(archive: string, name: string): Buffer {
  return execFileSync("tar", ["-xOf", archive, name]);
}

/** Not forced, an exporter takes the layers as another one of the build has made them by then. */
const gzip = { compression: "gzip", forceCompression: true } as const;

describeEachDaemon("images", ({ address, daemon }) => {
  const repository = `${daemon.replaceAll(/[^a-z]/gi, "").toLowerCase()}/app`;

  it("are pushed with all that their options say, and told about", async () => {
    await using client = await connect(address);
    const name = `${registry.host}/${repository}:one`;
    const { exports } = await client.solve(files(), {
      exports: [
        image({
          name,
          push: true,
          insecure: true,
          compression: "zstd",
          compressionLevel: 3,
          forceCompression: true,
          ociMediaTypes: true,
          config: { Cmd: ["/first"], Labels: { "org.example.label": "yes" } },
          annotations: [{ key: "org.example.note", value: "said" }],
          sourceDateEpoch: 1_000_000_000,
        }),
      ],
    });
    const [pushed] = exports;
    const bytes = await registry.getManifest(repository, "one");
    const manifest: Manifest = JSON.parse(Buffer.from(bytes).toString());
    expect(pushed).toMatchObject({
      type: "image",
      digest: sha256(bytes),
      configDigest: manifest.config.digest,
      names: [name],
      descriptor: { digest: sha256(bytes), size: bytes.length },
    });
    expect(pushed.unknown).toBeUndefined();
    const parts = [manifest.config, ...manifest.layers];
    expect(pushed.contentBytes).toBe(parts.reduce((sum, { size }) => sum + size, bytes.length));
    expect(manifest.layers.map(({ mediaType }) => mediaType)).toEqual([
      "application/vnd.oci.image.layer.v1.tar+zstd",
      "application/vnd.oci.image.layer.v1.tar+zstd",
    ]);
    expect(manifest.annotations).toMatchObject({ "org.example.note": "said" });
  });

  it("are pushed by their digest alone", async () => {
    await using client = await connect(address);
    const name = `${registry.host}/${repository}-untagged`;
    const options = { name, push: true, pushByDigest: true, insecure: true };
    const { exports } = await client.solve(files(), { exports: [image(options)] });
    const digest = exports[0].digest ?? "";
    expect(sha256(await registry.getManifest(`${repository}-untagged`, digest))).toBe(digest);
    await expect(registry.getManifest(`${repository}-untagged`, "latest")).rejects.toThrow("404");
  });

  it("of several exporters are told apart", async (context) => {
    await using work = await workDirectory();
    await using client = await connect(address);
    await needsCapability(context, client, "exporter.multiple");
    const name = `${registry.host}/${repository}:several`;
    const { exports } = await client.solve(files(), {
      exports: [
        image({ name, push: true, insecure: true, compression: "uncompressed", forceCompression: true }),
        cacheOnly(),
        oci({ dest: work.in("oci.tar"), name: "one:two,three", ...gzip }),
        docker({ dest: work.in("docker.tar"), name: "four", config: { Cmd: ["/x"] }, ...gzip }),
        image({ compression: "zstd", forceCompression: true, ociMediaTypes: true }),
      ],
    });
    const [first, none, layout, loadable, last] = exports;
    expect(first.digest).toBe(sha256(await registry.getManifest(repository, "several")));
    expect(first.names).toEqual([name]);
    expect(none).toEqual({ type: "cacheonly" });
    const index: Index = JSON.parse(archived(layout.dest ?? "", "index.json").toString());
    expect(index.manifests[0]?.digest).toBe(layout.digest);
    expect(layout.names).toEqual(["docker.io/library/one:two", "docker.io/library/three:latest"]);
    expect(layout.archiveBytes).toBe((await stat(work.in("oci.tar"))).size);
    const [entry] = JSON.parse(archived(loadable.dest ?? "", "manifest.json").toString());
    expect(entry.RepoTags).toEqual(["four:latest"]);
    expect(`sha256:${entry.Config.split("/").at(-1)}`).toBe(loadable.configDigest);
    expect(last.names).toEqual([]);
    const digests = exports.flatMap((one) => ("digest" in one ? [one.digest] : []));
    expect(new Set(digests).size).toBe(4);
    for (const one of [first, layout, loadable, last]) expect(one.unknown).toBeUndefined();
  });

  it("of several states are one index, each with its config", async () => {
    await using work = await workDirectory();
    await using client = await connect(address);
    const state = (text: string) => files(text).env("TEXT", text);
    const platforms = { "linux/amd64": state("a"), "linux/arm64": state("b").dir("/work") };
    const { exports } = await client.solve(
      { platforms },
      { exports: [oci({ tar: false, dest: work.in("layout"), config: { Cmd: ["/first"] } })] },
    );
    const store = ociLayoutStore(work.in("layout"));
    const read = async (digest: string) => {
      const pieces: Uint8Array[] = [];
      for await (const piece of store.read(digest)) pieces.push(piece);
      return JSON.parse(Buffer.concat(pieces).toString());
    };
    const index: Index = await read(exports[0].digest ?? "");
    const configs = await Promise.all(
      index.manifests.map(async ({ digest }) => read((await read(digest)).config.digest)),
    );
    expect(configs).toMatchObject([
      { architecture: "amd64", config: { Cmd: ["/first"], Env: ["TEXT=a"] } },
      { architecture: "arm64", config: { Cmd: ["/first"], Env: ["TEXT=b"], WorkingDir: "/work" } },
    ]);
    const archive = { exports: [docker({ dest: work.in("docker.tar") })] };
    await expect(client.solve({ platforms }, archive)).rejects.toMatchObject({ argument: "exports" });
  });

  it("go to an open file, and to a function that takes the bytes", async () => {
    await using work = await workDirectory();
    await using client = await connect(address);
    const state = files();
    await using handle = await open(work.in("file.tar"), "w");
    await client.solve(state, { exports: [oci({ dest: handle })] });
    const hash = createHash("sha256");
    let length = 0;
    const take = async (bytes: AsyncIterable<Uint8Array>) => {
      for await (const piece of bytes) {
        hash.update(piece);
        length += piece.length;
      }
    };
    const { exports } = await client.solve(state, { exports: [tar({ dest: take })] });
    expect(exports).toEqual([{ type: "tar" }]);
    await client.solve(state, { exports: [tar({ dest: work.in("tree.tar") })] });
    const written = await readFile(work.in("tree.tar"));
    expect([length, `sha256:${hash.digest("hex")}`]).toEqual([written.length, sha256(written)]);
    expect(archived(work.in("file.tar"), "oci-layout").toString()).toContain("1.0.0");
  });
});

describeEachDaemon("layouts", ({ address }) => {
  it("stay right over ten exports of changing names and tags", async () => {
    await using work = await workDirectory();
    await using client = await connect(address);
    const dest = work.in("layout");
    // What others have put there stays.
    const foreign = { mediaType: "x/y", digest: `sha256:${"0".repeat(64)}` as const, size: 1 };
    await updateLayoutIndex(dest, (index) => putInIndex(index, foreign, [{ tag: "foreign" }]));
    const expected = new Map<string, string | undefined>([["|foreign", foreign.digest]]);
    for (let round = 0; round < 10; round++) {
      const name = round % 3 === 0 ? `app:v${round % 2}` : undefined;
      const tags = round % 4 === 1 ? ["stable", `r${round % 5}`] : [];
      const options = { tar: false, dest, tags, ...(name !== undefined && { name }) } as const;
      const { exports } = await client.solve(files(`round ${round % 7}`), { exports: [oci(options)] });
      const { digest } = exports[0];
      if (name !== undefined) expected.set(`docker.io/library/${name}|${name.slice(4)}`, digest);
      for (const tag of tags) expected.set(`|${tag}`, digest);
      if (name === undefined && tags.length === 0) expected.set("|latest", digest);
    }
    const index = await readLayoutIndex(dest);
    const found = index?.manifests.map(({ digest, annotations = {} }) => {
      const name = annotations["io.containerd.image.name"] ?? "";
      return [`${name}|${annotations["org.opencontainers.image.ref.name"]}`, digest] as const;
    });
    expect(new Map(found)).toEqual(expected);
    expect(found?.length).toBe(expected.size);
    expect((await readdir(dest)).sort()).toEqual(["blobs", "index.json", "ingest", "oci-layout"]);
  });

  it("are bases whose config the image has, whoever serves their blobs", async (context) => {
    await using work = await workDirectory();
    await using client = await connect(address);
    await needsCapability(context, client, "source.ocilayout");
    const dest = work.in("base");
    const config = { Env: ["PATH=/tools", "A=b"], Cmd: ["/first"], WorkingDir: "/there" };
    const made = await client.solve(files(), { exports: [oci({ tar: false, dest, config })] });
    const ref = `layout/base@${made.exports[0].digest}`;
    const base = ociLayout(ref, { store: "base" });
    const own = { layouts: { base: dest } };
    const foreign = { attachables: [contentService(new Map([["oci:base", ociLayoutStore(dest)]]))] };
    for (const [place, served] of [own, foreign].entries()) {
      const result = work.in(`image${place}`);
      const state = (place === 0 ? base : ociLayout(ref, { store: "base", resolve: "config" }))
        .env("A", "c")
        .file(mkfile("/more", fresh()));
      const { exports } = await client.solve(state, {
        ...served,
        exports: [oci({ tar: false, dest: result })],
      });
      const document = path.join(result, "blobs", ...(exports[0].configDigest ?? "").split(":"));
      const image: Image = JSON.parse(await readFile(document, "utf8"));
      expect(image.config).toMatchObject({ ...config, Env: ["PATH=/tools", "A=c"] });
    }
  });

  it("are written several at once, each with its own image and no more", async (context) => {
    await using work = await workDirectory();
    await using client = await connect(address);
    await needsCapability(context, client, "exporter.multiple");
    const { exports } = await client.solve(files(), {
      exports: [
        oci({ tar: false, dest: work.in("gzip"), name: "a:b", ...gzip }),
        oci({ tar: false, dest: work.in("plain"), compression: "uncompressed", forceCompression: true }),
        docker({ tar: false, dest: work.in("docker"), tags: ["d"], config: { Cmd: ["/x"] }, ...gzip }),
      ],
    });
    for (const { dest = "", digest, contentBytes } of exports) {
      const index = await readLayoutIndex(dest);
      expect(index?.manifests.map((entry) => entry.digest)).toEqual([digest]);
      let bytes = 0;
      for await (const { digest: blob, sizeBytes } of ociLayoutStore(dest).list()) {
        bytes += sizeBytes;
        const [algorithm = "", hex = ""] = blob.split(":");
        expect(sha256(await readFile(path.join(dest, "blobs", algorithm, hex)))).toBe(blob);
      }
      expect(bytes).toBe(contentBytes);
    }
    expect(new Set(exports.map(({ digest }) => digest)).size).toBe(3);
    expect((await readdir(work.path)).sort()).toEqual(["docker", "gzip", "plain"]);
  });
});
