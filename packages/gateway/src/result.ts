import { InvalidArgumentError } from "@buildkit-node/core";
import { type DescriptorPlatform, formatPlatform, type Image, type Platform } from "@buildkit-node/oci";
import type { Attestation } from "./attestation.ts";
import type { Graph } from "./definition.ts";
import { toPlatform } from "./platform.ts";
import type { Reference } from "./reference.ts";

/** What a frontend or a build function has built, as exporters take it. */
export interface Result<Tree = Reference> {
  /** The files, for one platform. */
  readonly ref?: Tree;
  /** The files by platform, such as `linux/arm64`, for several. */
  readonly refs?: ReadonlyMap<string, Tree>;
  /** What exporters read, such as `containerimage.config`; keys that begin with `frontend.` reach the client. */
  readonly metadata: ReadonlyMap<string, Uint8Array>;
  /** Statements about the result, by platform. */
  readonly attestations: ReadonlyMap<string, readonly Attestation[]>;
}

/** What a build function may return: nothing, files, or files with all that an image says of itself. */
export type BuildOutput = Graph | Reference | Result<Graph | Reference> | undefined;

/** One platform's part of an image. */
export interface PlatformResult {
  /** Default: the one that `config` names. */
  readonly platform?: Platform | string;
  readonly ref: Graph | Reference;
  /** The image's config document; it gets the platform where it names none, and the exporter adds layers and history. */
  readonly config?: Image;
  /** The config of the image that it was built on. */
  readonly baseConfig?: Image;
  readonly attestations?: readonly Attestation[];
}

const keys = {
  config: "containerimage.config",
  baseConfig: "containerimage.base.config",
  platforms: "refs.platforms",
} as const;

/**
 * Puts together the result of a build that makes an image: one platform, or several in an index.
 *
 * @param options.metadata more to tell, by key
 * @param options.multiPlatform an index also for one platform. Default: for several only
 * @throws {InvalidArgumentError} when a platform is missing or occurs twice
 */
export function imageResult(
  platforms: readonly PlatformResult[],
  options: {
    readonly metadata?: Readonly<Record<string, string | Uint8Array>>;
    readonly multiPlatform?: boolean;
  } = {},
): Result<Graph | Reference> {
  const { multiPlatform = platforms.length !== 1 } = options;
  const metadata = new Map<string, Uint8Array>(
    Object.entries(options.metadata ?? {}).map(([key, value]) => [key, asBytes(value)]),
  );
  const attestations = new Map<string, readonly Attestation[]>();
  const refs = new Map<string, Graph | Reference>();
  const index: { ID: string; Platform: DescriptorPlatform }[] = [];
  for (const part of platforms) {
    const platform = platformOf(part, multiPlatform);
    const id = platform === undefined ? "" : formatPlatform(platform);
    if (refs.has(id))
      throw new InvalidArgumentError("platforms", id, `the platform ${id} occurs twice in a result`);
    refs.set(id, part.ref);
    const suffix = multiPlatform ? `/${id}` : "";
    if (part.config !== undefined) {
      const config = { ...(platform && imagePlatform(platform)), ...part.config };
      metadata.set(`${keys.config}${suffix}`, asBytes(JSON.stringify(config)));
    }
    if (part.baseConfig !== undefined) {
      metadata.set(`${keys.baseConfig}${suffix}`, asBytes(JSON.stringify(part.baseConfig)));
    }
    if (part.attestations !== undefined && part.attestations.length > 0) {
      attestations.set(id, part.attestations);
    }
    if (platform !== undefined) index.push({ ID: id, Platform: imagePlatform(platform) });
  }
  if (index.length > 0) metadata.set(keys.platforms, asBytes(JSON.stringify({ Platforms: index })));
  const [only] = platforms;
  return { ...(multiPlatform ? { refs } : only !== undefined && { ref: only.ref }), metadata, attestations };
}

/** An image's config in a result, and that of the image that it was built on; undefined where the result has none. */
export function resultConfig(
  result: Pick<Result, "metadata">,
  platform?: Platform | string,
): { readonly config: Image | undefined; readonly baseConfig: Image | undefined } {
  const suffix = platform === undefined ? "" : `/${formatPlatform(toPlatform(platform))}`;
  const read = (key: string): Image | undefined => {
    const bytes = result.metadata.get(`${key}${suffix}`) ?? result.metadata.get(key);
    return bytes === undefined || bytes.length === 0
      ? undefined
      : JSON.parse(new TextDecoder().decode(bytes));
  };
  return { config: read(keys.config), baseConfig: read(keys.baseConfig) };
}

/** A platform is needed where there are several, and where statements are about one. */
function platformOf(part: PlatformResult, multiPlatform: boolean): Platform | undefined {
  if (part.platform !== undefined) return toPlatform(part.platform);
  const { os, architecture, variant } = part.config ?? {};
  if (os !== undefined && architecture !== undefined) {
    return toPlatform({ os, architecture, ...(variant !== undefined && { variant }) });
  }
  if (!multiPlatform && part.attestations === undefined) return undefined;
  throw new InvalidArgumentError(
    "platform",
    part.platform,
    "a result for several platforms must name each of them",
  );
}

/** The platform in the words of an image's config, which are those of a descriptor. */
function imagePlatform(platform: Platform): DescriptorPlatform {
  return {
    os: platform.os,
    architecture: platform.architecture,
    ...(platform.variant !== undefined && { variant: platform.variant }),
    ...(platform.osVersion !== undefined && { "os.version": platform.osVersion }),
    ...(platform.osFeatures !== undefined && { "os.features": platform.osFeatures }),
  };
}

function asBytes(value: string | Uint8Array): Uint8Array {
  return typeof value === "string" ? new TextEncoder().encode(value) : value;
}
