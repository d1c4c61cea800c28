import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { ContentStore } from "@buildkit-node/session";
import type { Registry } from "./registry.ts";
import { ociIndex, ociManifest } from "./test-image.ts";

/** A document or a layer of an image. */
export interface ImageBlob {
  readonly digest: `sha256:${string}`;
  readonly size: number;
  readonly bytes: Uint8Array;
}

/**
 * An image for two platforms, of two layers each: the first holds the file `lower`, the second `upper`, which says what the
 * image is called and for which architecture. Its config sets `CALLED` and the directory `/home`.
 */
export interface LayeredImage {
  readonly index: ImageBlob;
  readonly manifests: readonly ImageBlob[];
  /** Everything but index and manifests. */
  readonly blobs: readonly ImageBlob[];
  /** The first layer, which both platforms share. */
  readonly lower: ImageBlob;
}

export function layeredImage(name: string): LayeredImage {
  const lower = blobOf(tarOf({ lower: "lower\n" }));
  const images = ["amd64", "arm64"].map((architecture) => {
    const upper = blobOf(tarOf({ upper: `${name} ${architecture}\n` }));
    const config = json({
      os: "linux",
      architecture,
      config: { Env: ["PATH=/bin", `CALLED=${name}`], WorkingDir: "/home" },
      rootfs: { type: "layers", diff_ids: [lower.digest, upper.digest] },
    });
    const layer = { mediaType: "application/vnd.oci.image.layer.v1.tar" };
    const manifest = json({
      schemaVersion: 2,
      mediaType: ociManifest,
      config: { mediaType: "application/vnd.oci.image.config.v1+json", ...descriptor(config) },
      layers: [lower, upper].map((blob) => ({ ...layer, ...descriptor(blob) })),
    });
    return { architecture, manifest, blobs: [upper, config] };
  });
  const index = json({
    schemaVersion: 2,
    mediaType: ociIndex,
    manifests: images.map(({ architecture, manifest }) => ({
      mediaType: ociManifest,
      ...descriptor(manifest),
      platform: { os: "linux", architecture },
    })),
  });
  return {
    index,
    manifests: images.map(({ manifest }) => manifest),
    blobs: [lower, ...images.flatMap(({ blobs }) => blobs)],
    lower,
  };
}

export async function pushImage(
  registry: Registry,
  repository: string,
  tag: string,
  image: LayeredImage,
): Promise<void> {
  for (const { bytes } of image.blobs) await registry.putBlob(repository, bytes);
  for (const { bytes } of image.manifests)
    await registry.putManifest(repository, { bytes, mediaType: ociManifest });
  await registry.putManifest(repository, { bytes: image.index.bytes, mediaType: ociIndex, tag });
}

export async function storeBlobs(store: ContentStore, blobs: readonly ImageBlob[]): Promise<void> {
  for (const { digest, bytes } of blobs) {
    await using writer = await store.openWriter({ ref: digest, digest });
    await writer.write(bytes);
    await writer.commit({ digest });
  }
}

export function blobOf(bytes: Uint8Array): ImageBlob {
  return { digest: `sha256:${createHash("sha256").update(bytes).digest("hex")}`, size: bytes.length, bytes };
}

function descriptor({ digest, size }: ImageBlob): Pick<ImageBlob, "digest" | "size"> {
  return { digest, size };
}

function json(value: unknown): ImageBlob {
  return blobOf(new TextEncoder().encode(JSON.stringify(value)));
}

/** An archive of files that are root's. */
function tarOf(files: Readonly<Record<string, string>>): Uint8Array {
  const folder = mkdtempSync(path.join(tmpdir(), "bk-layer-"));
  try {
    for (const [name, content] of Object.entries(files)) writeFileSync(path.join(folder, name), content);
    const owner = ["--owner=0", "--group=0", "--numeric-owner", "--mtime=@0"];
    return execFileSync("tar", ["-c", ...owner, "-C", folder, ...Object.keys(files)]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
