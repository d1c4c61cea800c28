import { InvalidArgumentError } from "@buildkit-node/core";
import { type Image, type ImageConfig, parseReference } from "@buildkit-node/oci";
import { type Annotations, annotationAttributes, annotationList } from "./annotation.ts";
import { attributes } from "./attributes.ts";
import type { ExportContext } from "./exporter.ts";

/** What every exporter that makes an image understands. */
export interface ImageOptions {
  /**
   * The image's name or names, such as `docker.io/library/app:dev`. `*` takes the names that the frontend gives.
   */
  readonly name?: string | readonly string[];
  /**
   * The image's config, for builds of raw LLB: set over what the state says and what the base image has. Variables, labels,
   * ports and volumes are added to those; an entry point without a command takes the base image's command away, as in a
   * Dockerfile. The build of a frontend has a config of its own and takes none.
   */
  readonly config?: ImageConfig;
  /** How layers are compressed; `gzip` by default. */
  readonly compression?: "uncompressed" | "gzip" | "estargz" | "zstd";
  /** 0 to 9 for gzip and estargz, 0 to 22 for zstd (BuildKit 0.10). */
  readonly compressionLevel?: number;
  /** Compresses layers of the base image anew, too. */
  readonly forceCompression?: boolean;
  /**
   * Whether manifests and configs have the media types of OCI in place of Docker's. Default: true for `oci`; for others the
   * daemon's, which is true from BuildKit 0.31 on, and for images with attestations.
   */
  readonly ociMediaTypes?: boolean;
  /** Whether manifests of attestations are OCI artifacts (BuildKit 0.19). */
  readonly ociArtifact?: boolean;
  readonly annotations?: Annotations;
  /**
   * The time of the image's making and the latest of its files': seconds since 1970, or `none` to take none from the
   * frontend either (BuildKit 0.11).
   */
  readonly sourceDateEpoch?: number | "none";
  /** Sets the times of files in the layers to `sourceDateEpoch` where they are later (BuildKit 0.13). */
  readonly rewriteTimestamp?: boolean;
  /** Puts attestations that say they are inline only into the image (BuildKit 0.11). */
  readonly attestationInline?: boolean;
  /** Keeps the media types of layers that may not be distributed. */
  readonly preferNondistributableLayers?: boolean;
  /** Attributes that this library does not know, as the daemon takes them. They win over the options. */
  readonly attrs?: Readonly<Record<string, string>>;
}

/**
 * The attributes that the options stand for.
 *
 * @throws {InvalidArgumentError} for options that contradict each other or the build
 */
export async function imageAttributes(
  options: ImageOptions,
  context: ExportContext,
): Promise<Record<string, string>> {
  checkOptions(options);
  const { name, sourceDateEpoch } = options;
  return {
    ...attributes({
      name: typeof name === "object" ? name.join(",") : name,
      compression: options.compression,
      "compression-level": options.compressionLevel,
      "force-compression": options.forceCompression,
      "oci-mediatypes": options.ociMediaTypes,
      "oci-artifact": options.ociArtifact,
      "source-date-epoch": sourceDateEpoch === "none" ? "" : sourceDateEpoch,
      "rewrite-timestamp": options.rewriteTimestamp,
      "attestation-inline": options.attestationInline,
      "prefer-nondist-layers": options.preferNondistributableLayers,
    }),
    ...annotationAttributes(annotationList(options.annotations ?? {})),
    ...(await imageDocuments(options.config, context)),
    ...options.attrs,
  };
}

/** The names that the caller has chosen; `*` is none. */
export function chosenNames({ name = [] }: ImageOptions): readonly string[] {
  const names = typeof name === "string" ? name.split(",") : name;
  return names.filter((one) => one !== "*" && one !== "");
}

const highestLevel = { uncompressed: 22, gzip: 9, estargz: 9, zstd: 22 } as const;

function checkOptions(options: ImageOptions): void {
  const { compression = "gzip", compressionLevel: level, sourceDateEpoch: epoch } = options;
  for (const name of chosenNames(options)) parseReference(name);
  if (!(compression in highestLevel)) {
    throw new InvalidArgumentError(
      "compression",
      compression,
      `no compression ${JSON.stringify(compression)}: there are ${Object.keys(highestLevel).join(", ")}`,
    );
  }
  if (level !== undefined && !(Number.isInteger(level) && level >= 0 && level <= highestLevel[compression])) {
    const message = `a level of ${compression} is a whole number from 0 to ${highestLevel[compression]}`;
    throw new InvalidArgumentError("compressionLevel", level, message);
  }
  if (typeof epoch === "number" && !Number.isInteger(epoch)) {
    throw new InvalidArgumentError("sourceDateEpoch", epoch, "an epoch is in whole seconds since 1970");
  }
  if (options.ociMediaTypes === false) checkDockerMediaTypes(options);
}

function checkDockerMediaTypes({ compression, annotations = {} }: ImageOptions): void {
  const needs =
    compression === "zstd" || compression === "estargz"
      ? `${compression} layers need`
      : annotationList(annotations).some(({ level = "manifest" }) => level !== "manifest")
        ? "annotations of an index or a descriptor need"
        : undefined;
  if (needs === undefined) return;
  throw new InvalidArgumentError(
    "ociMediaTypes",
    false,
    `${needs} the media types of OCI: leave ociMediaTypes out`,
  );
}

/** The daemon takes whole image documents, one for each platform, and fills in their layers and history. */
async function imageDocuments(
  config: ImageConfig | undefined,
  { images }: ExportContext,
): Promise<Record<string, string>> {
  if (images !== undefined) {
    return Object.fromEntries(
      [...(await images())].map(([platform, image]) => [
        platform === "" ? "containerimage.config" : `containerimage.config/${platform}`,
        JSON.stringify(withConfig(image, config)),
      ]),
    );
  }
  if (config === undefined) return {};
  throw new InvalidArgumentError(
    "config",
    config,
    "an exporter's config is for builds of raw LLB: the frontend of this one says what the image's config is",
  );
}

function withConfig(image: Image, config: ImageConfig = {}): Image {
  const base = image.config ?? {};
  const added = (["Labels", "ExposedPorts", "Volumes"] as const).filter((key) => config[key] !== undefined);
  return {
    ...image,
    config: {
      ...base,
      ...(config.Entrypoint !== undefined && { Cmd: undefined }),
      ...config,
      ...(config.Env && { Env: mergedEnv(base.Env ?? [], config.Env) }),
      ...Object.fromEntries(added.map((key) => [key, { ...base[key], ...config[key] }])),
    } as ImageConfig,
  };
}

function mergedEnv(base: readonly string[], given: readonly string[]): readonly string[] {
  const byName = new Map([...base, ...given].map((text) => [text.split("=", 1)[0], text]));
  return [...byName.values()];
}
