import { InvalidArgumentError } from "@buildkit-node/core";
import type { Image, ImageConfig } from "@buildkit-node/oci";
import { attributes } from "./attributes.ts";

/** What every exporter that makes an image understands. */
export interface ImageOptions {
  /** The image's name or names, such as `docker.io/library/app:dev`. */
  readonly name?: string | readonly string[];
  /**
   * The image's config, for builds of raw LLB: set over what the state says and what the base image has. The build of a
   * frontend, such as a Dockerfile's, has a config of its own and takes none.
   */
  readonly config?: ImageConfig;
  /** How layers are compressed; `gzip` by default. */
  readonly compression?: "uncompressed" | "gzip" | "estargz" | "zstd";
  /** 0 to 9 for gzip and estargz, 0 to 22 for zstd. */
  readonly compressionLevel?: number;
  /** Compresses layers of the base image anew, too. */
  readonly forceCompression?: boolean;
  /** Whether manifests and configs have the media types of OCI in place of Docker's. */
  readonly ociMediaTypes?: boolean;
  /** Annotations of the manifest. A key may begin with `index:`, `manifest-descriptor:` or `index-descriptor:`. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** The time of the image's making and the latest of its files': seconds since 1970 (BuildKit 0.11). */
  readonly sourceDateEpoch?: number;
  /** Sets the times of files in the layers to `sourceDateEpoch` where they are later (BuildKit 0.13). */
  readonly rewriteTimestamp?: boolean;
  /** Puts attestations that say they are inline only into the image (BuildKit 0.11). */
  readonly attestationInline?: boolean;
  /** Keeps the media types of layers that may not be distributed. */
  readonly preferNondistributableLayers?: boolean;
}

/** The attributes that the options stand for. Throws an `InvalidArgumentError` for ones that contradict each other. */
export function imageAttributes(options: ImageOptions, image: Image | undefined): Record<string, string> {
  return attributes({
    name: typeof options.name === "object" ? options.name.join(",") : options.name,
    compression: options.compression,
    "compression-level": options.compressionLevel,
    "force-compression": options.forceCompression,
    "oci-mediatypes": options.ociMediaTypes,
    "source-date-epoch": options.sourceDateEpoch,
    "rewrite-timestamp": options.rewriteTimestamp,
    "attestation-inline": options.attestationInline,
    "prefer-nondist-layers": options.preferNondistributableLayers,
    "containerimage.config": imageDocument(image, options.config),
    ...annotationAttributes(options.annotations ?? {}),
  });
}

/** The daemon takes a whole image document, and fills in its layers and history. */
function imageDocument(image: Image | undefined, config: ImageConfig | undefined): string | undefined {
  if (image !== undefined) return JSON.stringify({ ...image, config: { ...image.config, ...config } });
  if (config === undefined) return undefined;
  throw new InvalidArgumentError(
    "config",
    config,
    "an exporter's config is for builds of raw LLB: the frontend of this one says what the image's config is",
  );
}

function annotationAttributes(annotations: Readonly<Record<string, string>>): Record<string, string> {
  const attrs: Record<string, string> = {};
  for (const [key, value] of Object.entries(annotations)) {
    const [, kind, name] = /^(?:(index|manifest-descriptor|index-descriptor):)?(.+)$/s.exec(key) ?? [];
    attrs[kind === undefined ? `annotation.${name}` : `annotation-${kind}.${name}`] = value;
  }
  return attrs;
}
