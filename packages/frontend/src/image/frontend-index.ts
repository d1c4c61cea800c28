import { InvalidArgumentError } from "@buildkit-node/core";
import { type BuildFunction, imageResult } from "@buildkit-node/gateway";
import { imageConfigOf, resolve } from "@buildkit-node/llb";
import { normalizePlatform, type Platform, parsePlatform } from "@buildkit-node/oci";
import { type FrontendImageOptions, frontendImage, programOf } from "./frontend-image.ts";

export interface FrontendIndexOptions extends Omit<FrontendImageOptions, "platform" | "runtime"> {
  /** An image with Node that exists for each platform: this machine's programs are for its own platform alone. */
  readonly runtime: { readonly image: string };
  readonly platforms: readonly (Platform | string)[];
}

/**
 * A build of a frontend's image for several platforms, in one index: for `client.build`, with any exporter that makes
 * images. The frontend is bundled once, the same for all.
 *
 * @throws {InvalidArgumentError} without a platform, and unless there is either an entry or a bundle
 */
export function frontendIndex(options: FrontendIndexOptions): BuildFunction {
  const { platforms, entry: _, ...rest } = options;
  if (platforms.length === 0) {
    throw new InvalidArgumentError("platforms", platforms, "name the platforms that the image is for");
  }
  const wanted = platforms.map((given) =>
    normalizePlatform(typeof given === "string" ? parsePlatform(given) : given),
  );
  return async (gateway) => {
    const bundle = await programOf(options);
    const parts = wanted.map(async (platform) => {
      const { state } = await frontendImage({ ...rest, bundle, platform });
      const closed = await resolve(state, { platform, resolver: gateway.resolver });
      return { platform, ref: closed, config: imageConfigOf(closed) };
    });
    return imageResult(await Promise.all(parts), { multiPlatform: true });
  };
}
