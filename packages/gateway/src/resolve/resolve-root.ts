import { InvalidArgumentError } from "@buildkit-node/core";
import type { ResolveMode } from "@buildkit-node/llb";
import {
  formatReference,
  type Platform,
  parseReference,
  type Reference,
  withDefaultTag,
} from "@buildkit-node/oci";
import { hasCapability, requireCapability } from "../capabilities.ts";
import { platformToProto } from "../platform.ts";
import type { ReferenceOwner } from "../reference.ts";
import { imageError } from "./image-error.ts";
import type { ImageMeta } from "./source-meta.ts";

/** Where an image is. */
export interface ImagePlace {
  /** In full. */
  readonly name: string;
  /** The content store of the session that holds it; absent for a registry. */
  readonly store: string | undefined;
  readonly sessionId: string;
  readonly resolveMode: ResolveMode;
  readonly logName: string;
}

/** For the numbers that the older call knows. */
const layoutResolver = 1;
const registryResolver = 0;

/** An image's name in full. @throws {InvalidArgumentError} for what is no reference */
export function imageName(ref: string, store: string | undefined): Reference {
  const reference = withDefaultTag(parseReference(ref));
  if (store !== undefined && reference.digest === undefined) {
    throw new InvalidArgumentError(
      "ref",
      ref,
      `an image in an OCI layout is named by its digest: ${ref}@sha256:…`,
    );
  }
  return reference;
}

/**
 * Asks the daemon for an image: the digest of its root and the config of the platform's image.
 *
 * @throws {ImageError}
 */
export async function resolveRoot(
  owner: ReferenceOwner,
  place: ImagePlace,
  platform: Platform | undefined,
  signal: AbortSignal | undefined,
): Promise<ImageMeta> {
  const { bridge, capabilities } = owner;
  const newer = hasCapability(capabilities, "source.metaresolver");
  if (place.store !== undefined) {
    requireCapability(capabilities, "source.ocilayout", "resolving an image in an OCI layout");
  }
  if (place.resolveMode !== "default" && !newer) {
    requireCapability(capabilities, "resolveimage.resolvemode", "choosing where an image is looked for");
  }
  const Platform = platform && platformToProto(platform);
  const common = { ...(Platform && { Platform }), ResolveMode: place.resolveMode, LogName: place.logName };
  try {
    if (!newer) {
      const answer = await bridge.rpc.resolveImageConfig(
        {
          ...common,
          Ref: place.name,
          ResolverType: place.store === undefined ? registryResolver : layoutResolver,
          ...(place.store !== undefined && { SessionID: place.sessionId, StoreID: place.store }),
        },
        bridge.call(signal),
      );
      return { digest: answer.Digest, config: answer.Config };
    }
    const { Image: image } = await bridge.rpc.resolveSourceMeta(
      { ...common, Source: sourceOf(place), Image: {} },
      bridge.call(signal),
    );
    // Nothing comes back when a policy has put another kind of source in the image's place.
    if (image === undefined)
      throw new InvalidArgumentError("ref", place.name, `${place.name} is not an image here`);
    return { digest: image.Digest, config: image.Config };
  } catch (error) {
    throw imageError(place.name, error);
  }
}

/** The place of another manifest of the same repository. */
export function withDigest(place: ImagePlace, digest: Reference["digest"]): ImagePlace {
  const { domain, path } = parseReference(place.name);
  return { ...place, name: formatReference({ domain, path, ...(digest !== undefined && { digest }) }) };
}

function sourceOf({ name, store, sessionId }: ImagePlace) {
  if (store === undefined) return { identifier: `docker-image://${name}` };
  const session: Record<string, string> = sessionId === "" ? {} : { "oci.session": sessionId };
  return { identifier: `oci-layout://${name}`, attrs: { "oci.store": store, ...session } };
}
