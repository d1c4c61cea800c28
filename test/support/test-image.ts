import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import type { ContentStore } from "@buildkit-node/session";
import type { BlobDescriptor, Registry } from "./registry.ts";

/** Where a test puts an image: a registry, or a content store. */
export type ImagePlace = Pick<Registry, "putBlob" | "putManifest">;

/** A content store as a place for images; it knows neither repositories nor tags. */
export function storePlace(store: ContentStore): ImagePlace {
  const put = async (bytes: Uint8Array): Promise<BlobDescriptor> => {
    const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}` as const;
    const known = await store.info(digest).catch(() => undefined);
    if (known === undefined) {
      await using writer = await store.openWriter({ ref: digest, digest });
      await writer.write(bytes);
      await writer.commit({ digest });
    }
    return { digest, size: bytes.length };
  };
  return { putBlob: (_repository, bytes) => put(bytes), putManifest: (_repository, { bytes }) => put(bytes) };
}

/** One platform of an image that a test puts into a registry. */
export interface TestPlatform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

/** An image as it went into a registry. */
export interface TestImage {
  readonly index: BlobDescriptor;
  readonly platforms: readonly { readonly platform: TestPlatform; readonly manifest: BlobDescriptor }[];
  readonly attestations: readonly BlobDescriptor[];
}

export const ociIndex = "application/vnd.oci.image.index.v1+json";
export const ociManifest = "application/vnd.oci.image.manifest.v1+json";
const ociConfig = "application/vnd.oci.image.config.v1+json";
const inToto = "application/vnd.in-toto+json";

/** JSON in an unusual shape: who parses and writes it again does not get the same bytes. */
export function oddJson(value: unknown): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(value, undefined, 3)}\n `);
}

/**
 * Puts an image with one small layer per platform, annotations everywhere, and an attestation manifest per platform
 * into a registry or a store.
 */
export async function putTestImage(
  place: ImagePlace,
  repository: string,
  options: { readonly tag: string; readonly platforms: readonly TestPlatform[] },
): Promise<TestImage> {
  const entries: object[] = [];
  const platforms: { platform: TestPlatform; manifest: BlobDescriptor }[] = [];
  const attestations: BlobDescriptor[] = [];
  for (const platform of options.platforms) {
    const manifest = await putPlatform(place, repository, platform);
    platforms.push({ platform, manifest });
    const annotations = { "org.example.entry": platform.architecture };
    entries.push({ mediaType: ociManifest, ...manifest, platform, annotations });
  }
  for (const { manifest } of platforms) {
    const attestation = await putAttestation(place, repository, manifest);
    attestations.push(attestation);
    entries.push({
      mediaType: ociManifest,
      ...attestation,
      platform: { os: "unknown", architecture: "unknown" },
      annotations: {
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": manifest.digest,
      },
    });
  }
  const bytes = oddJson({
    schemaVersion: 2,
    mediaType: ociIndex,
    manifests: entries,
    annotations: { "org.example.index": "yes" },
  });
  const index = await place.putManifest(repository, { bytes, mediaType: ociIndex, tag: options.tag });
  return { index, platforms, attestations };
}

/** Puts one platform's manifest, config and layer; with a tag, an image without index. */
export async function putPlatform(
  place: ImagePlace,
  repository: string,
  platform: TestPlatform,
  tag?: string,
): Promise<BlobDescriptor> {
  // An empty tar archive is two blocks of zeros.
  const tar = new Uint8Array(1024);
  const layer = await place.putBlob(repository, gzipSync(tar));
  const diff = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";
  const config = await place.putBlob(
    repository,
    oddJson({
      ...platform,
      config: { Env: ["PATH=/bin", `ARCH=${platform.architecture}`], WorkingDir: "/work", User: "1000" },
      rootfs: { type: "layers", diff_ids: [diff] },
    }),
  );
  const bytes = oddJson({
    schemaVersion: 2,
    mediaType: ociManifest,
    config: { mediaType: ociConfig, ...config },
    layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", ...layer }],
    annotations: { "org.example.manifest": platform.architecture },
  });
  return place.putManifest(repository, {
    bytes,
    mediaType: ociManifest,
    ...(tag !== undefined && { tag }),
  });
}

async function putAttestation(
  place: ImagePlace,
  repository: string,
  subject: BlobDescriptor,
): Promise<BlobDescriptor> {
  const statement = await place.putBlob(
    repository,
    oddJson({
      _type: "https://in-toto.io/Statement/v0.1",
      predicateType: "https://spdx.dev/Document",
      subject: [{ name: "_", digest: { sha256: subject.digest.slice("sha256:".length) } }],
      predicate: { name: "test" },
    }),
  );
  const config = await place.putBlob(
    repository,
    oddJson({
      architecture: "unknown",
      os: "unknown",
      rootfs: { type: "layers", diff_ids: [statement.digest] },
    }),
  );
  const bytes = oddJson({
    schemaVersion: 2,
    mediaType: ociManifest,
    config: { mediaType: ociConfig, ...config },
    layers: [
      {
        mediaType: inToto,
        ...statement,
        annotations: { "in-toto.io/predicate-type": "https://spdx.dev/Document" },
      },
    ],
  });
  return place.putManifest(repository, { bytes, mediaType: ociManifest });
}
