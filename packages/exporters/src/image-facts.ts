import { BuildkitError, errorMessage } from "@buildkit-node/core";
import type { Descriptor } from "@buildkit-node/oci";
import type { Metadata } from "@buildkit-node/transport";
import type { ExportAnswer } from "./exporter.ts";
import { type ImageContent, imageContent } from "./image-content.ts";

/** What is known about an image that was exported. */
export interface ImageFacts {
  /** The digest of the manifest, or of the index of several. Absent only where `unknown` says why. */
  readonly digest?: string;
  /** The digest of the config; absent for an index. */
  readonly configDigest?: string;
  /** The root descriptor; absent from daemons before BuildKit 0.11, and from image stores without manifests. */
  readonly descriptor?: Descriptor;
  /** As the daemon has understood them. */
  readonly names: readonly string[];
  /** Bytes of the manifests, configs and layers; layers that several platforms share count once. */
  readonly contentBytes?: number;
  /** Why something of the above is not known. */
  readonly unknown?: string;
}

/** Where an exporter's facts may come from. */
export interface FactSources {
  readonly answer: ExportAnswer;
  /** The headers of the exporter's own stream. */
  readonly headers?: Metadata;
  /** What the caller has chosen for names. */
  readonly names: readonly string[];
}

/**
 * Finds out about an image from what is true of it: the headers of its own stream, else the daemon's answer where no other
 * exporter has written over it, else the history of builds.
 */
export async function imageFacts(sources: FactSources): Promise<ImageFacts> {
  const told = await toldFacts(sources);
  if (told.descriptor === undefined) return told;
  const { content, unknown } = await contentOf(told.descriptor, sources.answer);
  const configDigest = told.configDigest ?? content?.configDigest;
  return {
    ...told,
    ...(configDigest !== undefined && { configDigest }),
    ...(content !== undefined && { contentBytes: content.bytes }),
    ...(unknown !== undefined && { unknown }),
  };
}

async function toldFacts({ answer, headers, names }: FactSources): Promise<ImageFacts> {
  const { response, standing } = answer;
  if (headers?.get("exporter-md-containerimage.digest") !== undefined) {
    return factsFrom((key) => headers.get(`exporter-md-${key}`));
  }
  if (standing === "alone") return factsFrom((key) => response[key]);
  if (standing === "last") {
    const facts = factsFrom((key) =>
      key === "image.name" && names.length === 0 ? undefined : response[key],
    );
    // That of an exporter before, when this one made an index.
    const stale = facts.descriptor?.mediaType.includes("manifest.v") === false;
    if (!stale) return facts;
    const { configDigest: _, ...rest } = facts;
    return rest;
  }
  const descriptor = await answer.recorded();
  if (descriptor !== undefined) return { digest: descriptor.digest, descriptor, names };
  const unknown =
    "another exporter of the build has answered over this one, and the daemon's history has no record of it";
  return { names, unknown };
}

function factsFrom(get: (key: string) => string | undefined): ImageFacts {
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

async function contentOf(
  descriptor: Descriptor,
  answer: ExportAnswer,
): Promise<{ readonly content?: ImageContent; readonly unknown?: string }> {
  try {
    return { content: await imageContent(descriptor, (one) => answer.read(one)) };
  } catch (error) {
    return { unknown: `the daemon's copy of the image cannot be read: ${errorMessage(error)}` };
  }
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
