import { InvalidArgumentError } from "@buildkit-node/core";
import { image, ociLayout, type ResolveMode } from "@buildkit-node/llb";
import { formatPlatform, type Platform } from "@buildkit-node/oci";
import type { Gateway } from "./gateway.ts";
import { toPlatform } from "./platform.ts";
import { ImageError } from "./resolve/image-error.ts";
import type { ResolvedImage } from "./resolve/resolved-image.ts";
import { imageResult, type PlatformResult } from "./result.ts";
import type { BuildFunction } from "./run-build-function.ts";

/** An image to take platforms from. */
export interface ImageCopy {
  readonly ref: string;
  /** Default: all that the image has; the daemon's own where the daemon does not tell them (before BuildKit 0.11). */
  readonly platforms?: readonly (Platform | string)[];
  /** The name of one of the build's `layouts`, for an image in an OCI layout; `ref` then has a digest. */
  readonly store?: string;
  readonly resolveMode?: ResolveMode;
}

export interface CopyImagesOptions {
  /** Whether the result is an index, also for one platform. Default: for several platforms, and for what was an index. */
  readonly index?: boolean;
  /** Takes annotations over, from daemons that have `exporter.image.annotations` (BuildKit 0.11). Default: true. */
  readonly annotations?: boolean;
}

/**
 * A build of one image out of platforms of others: `client.build(copyImages(["alpine:3.20"]), { exports: [...] })` copies an
 * image, and several sources make one index. Where it goes is the exporters' part.
 *
 * Layers stay what they are, byte for byte, unless an exporter is told to compress them anew; where the registry of the
 * copy has them, they are not even fetched. Configs keep their content, but the daemon writes them anew, and so manifests
 * and index: their digests are new ones. Annotations are taken over. Attestations are not: they speak of other digests.
 *
 * @throws {InvalidArgumentError} without an image, and for a platform that two of them give
 * @throws {ImageError} within the build, for an image that is not there or lacks a platform
 */
export function copyImages(
  sources: readonly (string | ImageCopy)[],
  options: CopyImagesOptions = {},
): BuildFunction {
  if (sources.length === 0) throw new InvalidArgumentError("sources", sources, "there is no image to copy");
  const copies = sources.map((source) => (typeof source === "string" ? { ref: source } : source));
  return async (gateway) => {
    const found = (await Promise.all(copies.map((copy) => resolvePlatforms(gateway, copy)))).flat();
    const multiPlatform =
      options.index ?? (found.length > 1 || found.some(({ index }) => index !== undefined));
    const keepsAnnotations = options.annotations !== false && gateway.has("exporter.image.annotations");
    return imageResult(
      found.map(({ part }) => part),
      { multiPlatform, ...(keepsAnnotations && { metadata: annotationsOf(found, multiPlatform) }) },
    );
  };
}

interface FoundPlatform extends Pick<ResolvedImage, "index" | "manifest" | "manifestDigest"> {
  readonly id: string;
  readonly part: PlatformResult;
}

/** Pinned after the first look, so that a tag that moves meanwhile gives no mixture. */
async function resolvePlatforms(gateway: Gateway, copy: ImageCopy): Promise<readonly FoundPlatform[]> {
  const { ref, platforms, store, resolveMode = "default" } = copy;
  const [wanted, ...others] = (platforms ?? []).map(toPlatform);
  const ask = { resolveMode, ...(store !== undefined && { store }) };
  const first = await gateway.resolveImageConfig(ref, { ...ask, ...(wanted && { platform: wanted }) });
  const own = wanted ?? first.platform ?? gateway.platform;
  const pinned = first.pinned ?? first.ref;
  const rest = wanted === undefined ? first.platforms.map(({ platform }) => platform) : others;
  const more = rest.filter((platform) => formatPlatform(platform) !== formatPlatform(own));
  const resolved = more.map(async (platform) =>
    foundPlatform(gateway, copy, platform, await gateway.resolveImageConfig(pinned, { ...ask, platform })),
  );
  return [foundPlatform(gateway, copy, own, first), ...(await Promise.all(resolved))];
}

function foundPlatform(
  gateway: Gateway,
  { store, resolveMode }: ImageCopy,
  platform: Platform,
  found: ResolvedImage,
): FoundPlatform {
  const [warning] = found.warnings;
  if (warning !== undefined) throw new ImageError(found.ref, "no-platform", warning);
  const name = found.pinned ?? found.ref;
  const { sessionId } = gateway;
  const ref =
    store === undefined
      ? image(name, { platform, ...(resolveMode !== undefined && { resolveMode }) })
      : ociLayout(name, { platform, store, ...(sessionId !== "" && { session: sessionId }) });
  const { index, manifest, manifestDigest, config } = found;
  return {
    id: formatPlatform(platform),
    part: { platform, ref, config },
    ...(index && { index }),
    ...(manifest && { manifest }),
    ...(manifestDigest && { manifestDigest }),
  };
}

/** Annotations in the keys of a result's metadata that exporters read. */
function annotationsOf(found: readonly FoundPlatform[], multiPlatform: boolean): Record<string, string> {
  const metadata: Record<string, string> = {};
  const add = (kind: string, annotations: Readonly<Record<string, string>> = {}) => {
    for (const [key, value] of Object.entries(annotations)) metadata[`annotation-${kind}.${key}`] ??= value;
  };
  for (const { id, index, manifest, manifestDigest } of found) {
    const place = multiPlatform ? `[${id}]` : "";
    add(`manifest${place}`, manifest?.annotations);
    if (!multiPlatform) continue;
    const entry = index?.manifests.find(({ digest }) => digest === manifestDigest);
    add(`manifest-descriptor${place}`, entry?.annotations);
    add("index", index?.annotations);
  }
  return metadata;
}
