import { BuildkitError } from "@buildkit-node/core";
import type { Descriptor } from "@buildkit-node/oci";

/** What is known about an image that was exported. */
export interface ImageFacts {
  /** The digest of the manifest, or of the index of several. */
  readonly digest: string;
  /** The digest of the config; absent for an index. */
  readonly configDigest?: string;
  /** The root descriptor; absent from daemons before BuildKit 0.11. */
  readonly descriptor?: Descriptor;
  /** As the daemon has understood them. */
  readonly names: readonly string[];
}

/** Reads the facts from what a daemon says under the keys `containerimage.*` and `image.name`. */
export function imageFacts(get: (key: string) => string | undefined): ImageFacts {
  const digest = get("containerimage.digest");
  if (digest === undefined) {
    throw new BuildkitError(
      "ERR_BUILDKIT_PROTOCOL",
      "the daemon exported an image and did not say its digest",
    );
  }
  const configDigest = get("containerimage.config.digest");
  const descriptor = get("containerimage.descriptor");
  return {
    digest,
    ...(configDigest === undefined ? {} : { configDigest }),
    ...(descriptor === undefined ? {} : { descriptor: parseDescriptor(descriptor) }),
    names: get("image.name")?.split(",") ?? [],
  };
}

function parseDescriptor(base64: string): Descriptor {
  try {
    return JSON.parse(Buffer.from(base64, "base64").toString()) as Descriptor;
  } catch (cause) {
    throw new BuildkitError("ERR_BUILDKIT_PROTOCOL", "the daemon's descriptor of the image cannot be read", {
      cause,
    });
  }
}
