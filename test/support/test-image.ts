import { gzipSync } from "node:zlib";
import type { BlobDescriptor, Registry } from "./registry.ts";

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
 * into a registry.
 */
export async function putTestImage(
  registry: Registry,
  repository: string,
  options: { readonly tag: string; readonly platforms: readonly TestPlatform[] },
): Promise<TestImage> {
  const entries: object[] = [];
  const platforms: { platform: TestPlatform; manifest: BlobDescriptor }[] = [];
  const attestations: BlobDescriptor[] = [];
  for (const platform of options.platforms) {
    const manifest = await putPlatform(registry, repository, platform);
    platforms.push({ platform, manifest });
    const annotations = { "org.example.entry": platform.architecture };
    entries.push({ mediaType: ociManifest, ...manifest, platform, annotations });
  }
  for (const { manifest } of platforms) {
    const attestation = await putAttestation(registry, repository, manifest);
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
  const index = await registry.putManifest(repository, { bytes, mediaType: ociIndex, tag: options.tag });
  return { index, platforms, attestations };
}

/** Puts one platform's manifest, config and layer; with a tag, an image without index. */
export async function putPlatform(
  registry: Registry,
  repository: string,
  platform: TestPlatform,
  tag?: string,
): Promise<BlobDescriptor> {
  // An empty tar archive is two blocks of zeros.
  const tar = new Uint8Array(1024);
  const layer = await registry.putBlob(repository, gzipSync(tar));
  const diff = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";
  const config = await registry.putBlob(
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
  return registry.putManifest(repository, {
    bytes,
    mediaType: ociManifest,
    ...(tag !== undefined && { tag }),
  });
}

async function putAttestation(
  registry: Registry,
  repository: string,
  subject: BlobDescriptor,
): Promise<BlobDescriptor> {
  const statement = await registry.putBlob(
    repository,
    oddJson({
      _type: "https://in-toto.io/Statement/v0.1",
      predicateType: "https://spdx.dev/Document",
      subject: [{ name: "_", digest: { sha256: subject.digest.slice("sha256:".length) } }],
      predicate: { name: "test" },
    }),
  );
  const config = await registry.putBlob(
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
  return registry.putManifest(repository, { bytes, mediaType: ociManifest });
}
