import type { ResolveMode } from "@buildkit-node/llb";
import {
  type Descriptor,
  type DescriptorPlatform,
  type DigestText,
  formatPlatform,
  formatReference,
  type Image,
  type Index,
  isDigest,
  type Manifest,
  matchesPlatform,
  normalizePlatform,
  type Platform,
} from "@buildkit-node/oci";
import type { GatewayOwner } from "../gateway.ts";
import { toPlatform } from "../platform.ts";
import { isAttestation, readAttestations } from "./attestations.ts";
import { hasDigest, type NoContent, readBlob } from "./blob.ts";
import { ImageError } from "./image-error.ts";
import { type ImagePlace, imageName, resolveRoot, withDigest } from "./resolve-root.ts";
import type { ImagePlatform, ResolvedImage } from "./resolved-image.ts";
import type { ImageMeta } from "./source-meta.ts";

export interface ImageRequest {
  /** Default: the daemon's. An image without index answers whatever is asked for, with a warning. */
  readonly platform?: Platform | string;
  /**
   * Of use with daemons that have a store of images, as Docker Engines do. `default` asks the registry, and the store
   * when the registry does not answer; `pull` asks the registry only; `local` the store first.
   */
  readonly resolveMode?: ResolveMode;
  /** The name of one of the build's `layouts`, for an image in an OCI layout (BuildKit 0.11). */
  readonly store?: string;
  /** Resolves all platforms of an index, for their manifests, configs and sizes. Default: false. */
  readonly everyPlatform?: boolean;
  /** Reads the attestations of the platform's image. Default: false. */
  readonly attestations?: boolean;
  /** What progress shows. Default: the daemon's words. */
  readonly logName?: string;
  readonly signal?: AbortSignal;
}

/** See `Gateway.resolveImageConfig`. */
export async function resolveImage(
  owner: GatewayOwner,
  ref: string,
  request: ImageRequest,
): Promise<ResolvedImage> {
  const { store, signal } = request;
  const name = imageName(ref, store);
  const place: ImagePlace = {
    name: formatReference(name),
    store,
    sessionId: owner.sessionId,
    resolveMode: request.resolveMode ?? "default",
    logName: request.logName ?? "",
  };
  const wanted = request.platform === undefined ? undefined : toPlatform(request.platform);
  const meta = await resolveRoot(owner, place, wanted, signal);
  const config = parse<Image>(place.name, meta.config, "config");
  const platform = platformOf(config);
  const base = {
    ref: place.name,
    ...(platform && { platform }),
    config,
    warnings: platformWarnings(place.name, wanted, platform),
  };
  const documents = await readDocuments(owner, place, meta, wanted ?? platform, signal);
  if ("reason" in documents) {
    return {
      ...base,
      ...(isDigest(meta.digest) && pinned(name, meta.digest)),
      raw: { config: meta.config },
      layers: [],
      annotations: {},
      platforms: [],
      incomplete: documents.reason,
    };
  }
  const { root, index, manifest } = documents;
  const platforms = index === undefined ? ownPlatform(documents, platform) : indexPlatforms(index.value);
  return {
    ...base,
    ...pinned(name, root),
    manifest: manifest.value,
    manifestDigest: manifest.digest,
    ...(index && { index: index.value }),
    raw: { config: meta.config, manifest: manifest.bytes, ...(index && { index: index.bytes }) },
    layers: manifest.value.layers,
    annotations: {
      ...index?.value.annotations,
      ...index?.value.manifests.find(({ digest }) => digest === manifest.digest)?.annotations,
      ...manifest.value.annotations,
    },
    platforms: request.everyPlatform ? await wholePlatforms(owner, place, platforms, signal) : platforms,
    ...(request.attestations && {
      attestations: await readAttestations(owner, place, index?.value, manifest.digest, signal),
    }),
  };
}

/** A document with the bytes that it was read from. */
interface Document<T> {
  readonly digest: DigestText;
  readonly bytes: Uint8Array;
  readonly value: T;
}

interface Documents {
  readonly root: DigestText;
  readonly index: Document<Index> | undefined;
  readonly manifest: Document<Manifest>;
}

/**
 * Root and manifest, from where the daemon has put them while it resolved the image. Of an index's entries the one that
 * it chose is the one whose manifest it has, with the config that it gave; how it chose is not guessed.
 */
async function readDocuments(
  owner: GatewayOwner,
  place: ImagePlace,
  { digest: root, config }: ImageMeta,
  likely: Platform | undefined,
  signal: AbortSignal | undefined,
): Promise<Documents | NoContent> {
  if (!isDigest(root)) {
    return {
      reason: "the image is only in the engine's own store, which keeps no manifests; try the mode pull",
    };
  }
  const bytes = await readBlob(owner.bridge, root, signal);
  if (bytes === undefined) return { reason: `the daemon did not keep ${root}` };
  if ("reason" in bytes) return bytes;
  const value = parse<Index | Manifest>(place.name, bytes, "manifest");
  if (!isIndex(value)) return { root, index: undefined, manifest: { digest: root, bytes, value } };
  for (const { digest } of byLikelihood(value, likely)) {
    const candidate = await readBlob(owner.bridge, digest, signal);
    if (candidate === undefined || "reason" in candidate) continue;
    const manifest = parse<Manifest>(place.name, candidate, "manifest");
    if (manifest.config !== undefined && hasDigest(config, manifest.config.digest)) {
      return {
        root,
        index: { digest: root, bytes, value },
        manifest: { digest, bytes: candidate, value: manifest },
      };
    }
  }
  return { reason: `the daemon did not keep the manifest that it chose from ${root}` };
}

/** The entries for images, those for the likely platform first. */
function byLikelihood(index: Index, likely: Platform | undefined): readonly Descriptor[] {
  const isLikely = ({ platform }: Descriptor) =>
    likely !== undefined && platform !== undefined && matchesPlatform(likely, fromDescriptor(platform));
  const entries = index.manifests.filter((entry) => !isAttestation(entry));
  return [...entries.filter(isLikely), ...entries.filter((entry) => !isLikely(entry))];
}

function isIndex(value: Index | Manifest): value is Index {
  return "manifests" in value && Array.isArray(value.manifests);
}

function indexPlatforms(index: Index): readonly ImagePlatform[] {
  return index.manifests.flatMap((descriptor) =>
    isAttestation(descriptor) || descriptor.platform === undefined
      ? []
      : [{ platform: fromDescriptor(descriptor.platform), digest: descriptor.digest, descriptor }],
  );
}

function ownPlatform({ manifest }: Documents, platform: Platform | undefined): readonly ImagePlatform[] {
  if (platform === undefined) return [];
  const mediaType = manifest.value.mediaType ?? "application/vnd.oci.image.manifest.v1+json";
  const descriptor = { mediaType, digest: manifest.digest, size: manifest.bytes.length };
  return [{ platform, digest: manifest.digest, descriptor }];
}

/** Each platform by the digest of its manifest: two entries may be for the same one. */
async function wholePlatforms(
  owner: GatewayOwner,
  place: ImagePlace,
  platforms: readonly ImagePlatform[],
  signal: AbortSignal | undefined,
): Promise<readonly ImagePlatform[]> {
  const whole: ImagePlatform[] = [];
  for (const one of platforms) {
    const meta = await resolveRoot(owner, withDigest(place, one.digest), one.platform, signal);
    const documents = await readDocuments(owner, place, meta, one.platform, signal);
    if ("reason" in documents) {
      whole.push(one);
      continue;
    }
    const { value: manifest, bytes } = documents.manifest;
    whole.push({
      ...one,
      config: parse<Image>(place.name, meta.config, "config"),
      manifest,
      raw: { config: meta.config, manifest: bytes },
      contentBytes: manifest.layers.reduce((sum, { size }) => sum + size, manifest.config.size),
    });
  }
  return whole;
}

function pinned(name: ReturnType<typeof imageName>, digest: DigestText) {
  return { digest, pinned: formatReference({ ...name, digest }) };
}

function platformOf(config: Image): Platform | undefined {
  const { os, architecture } = config;
  return os === undefined || architecture === undefined
    ? undefined
    : fromDescriptor({ ...config, os, architecture });
}

function fromDescriptor(platform: DescriptorPlatform): Platform {
  const { variant, "os.version": osVersion, "os.features": osFeatures } = platform;
  return normalizePlatform({
    os: platform.os,
    architecture: platform.architecture,
    ...(variant !== undefined && { variant }),
    ...(osVersion !== undefined && { osVersion }),
    ...(osFeatures !== undefined && { osFeatures }),
  });
}

/** An image without index is given for any platform; variants are the daemon's to choose. */
function platformWarnings(
  name: string,
  wanted: Platform | undefined,
  platform: Platform | undefined,
): readonly string[] {
  if (wanted === undefined || platform === undefined) return [];
  if (wanted.os === platform.os && wanted.architecture === platform.architecture) return [];
  return [`${name} is an image for ${formatPlatform(platform)}, not for ${formatPlatform(wanted)}`];
}

function parse<T>(name: string, bytes: Uint8Array, what: string): T {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    if (typeof value === "object" && value !== null) return value as T;
  } catch (cause) {
    throw new ImageError(name, "not-an-image", `its ${what} is not JSON`, { cause });
  }
  throw new ImageError(name, "not-an-image", `its ${what} is not a JSON object`);
}
