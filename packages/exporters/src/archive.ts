import path from "node:path";
import { InvalidArgumentError } from "@buildkit-node/core";
import { type ByteDestination, streamSink } from "@buildkit-node/session";
import type { Metadata } from "@buildkit-node/transport";
import { checkFileDestination, destinationOf } from "./destination.ts";
import type { ExportContext, Exporter, PreparedExport } from "./exporter.ts";
import { type ImageFacts, imageFacts } from "./image-facts.ts";
import { chosenNames, type ImageOptions, imageAttributes } from "./image-options.ts";
import { prepareLayout } from "./layout.ts";
import { destOf } from "./tar.ts";

/** An image in one tar archive. */
export interface ArchiveOptions extends ImageOptions {
  readonly tar?: true;
  /** Where its bytes go. A file appears when the build has succeeded. */
  readonly dest: ByteDestination;
}

/** An image in a directory that is an OCI layout (BuildKit 0.11). */
export interface LayoutOptions extends ImageOptions {
  readonly tar: false;
  /**
   * The directory; made if there is none. Blobs that it has already are not sent. Its `index.json` leads to the image when
   * the build has succeeded, under the image's names, or else under the tag `latest`; what it led to under others stays.
   */
  readonly dest: string;
  /** Tags under which `index.json` leads to the image, besides its names. */
  readonly tags?: readonly string[];
}

export interface ArchiveResult extends ImageFacts {
  /** The absolute path of the file or the directory; absent for a stream. */
  readonly dest?: string;
  /** Bytes of the archive; absent for a layout. */
  readonly archiveBytes?: number;
}

/** The result of `oci`. */
export interface OciResult extends ArchiveResult {
  readonly type: "oci";
}

/** The result of `docker`. */
export interface DockerResult extends ArchiveResult {
  readonly type: "docker";
}

/** Writes the result as an image in the OCI layout, in one tar archive or into a directory. */
export function oci(options: ArchiveOptions | LayoutOptions): Exporter<OciResult> {
  return archiveExporter("oci", options);
}

/**
 * Writes the result as an image for `docker load`, in one tar archive or into a directory. It is of one platform, and has
 * the media types of Docker unless they are asked for otherwise.
 */
export function docker(options: ArchiveOptions | LayoutOptions): Exporter<DockerResult> {
  return archiveExporter("docker", options);
}

function archiveExporter<Type extends "oci" | "docker">(
  type: Type,
  options: ArchiveOptions | LayoutOptions,
): Exporter<ArchiveResult & { readonly type: Type }> {
  return {
    name: type,
    ...(options.tar === false
      ? { destination: { kind: "layout", path: path.resolve(options.dest) } as const }
      : destinationOf(options.dest)),
    async prepare(context) {
      if (type === "docker") {
        await refuseSeveralPlatforms(context, "the docker exporter writes one platform", "use oci");
      }
      const prepared =
        options.tar === false
          ? await prepareLayout(type, options, context)
          : await prepareArchive(type, options, context);
      return { ...prepared, finish: async (answer) => ({ type, ...(await prepared.finish(answer)) }) };
    },
  };
}

/** @throws {InvalidArgumentError} for a build of several platforms, with why there may be one only, and what to do */
export async function refuseSeveralPlatforms(
  context: ExportContext,
  why: string,
  advice: string,
): Promise<void> {
  const platforms = await severalPlatforms(context);
  if (platforms.length === 0) return;
  const message = `${why}, and the build has ${platforms.join(", ")}: ${advice}`;
  throw new InvalidArgumentError("exports", platforms, message);
}

/** The platforms of a build of several states; none where there is one state, or a frontend that decides. */
export async function severalPlatforms({ images }: ExportContext): Promise<readonly string[]> {
  const platforms = images === undefined ? [] : [...(await images()).keys()];
  return platforms.filter((platform) => platform !== "");
}

async function prepareArchive(
  type: string,
  options: ArchiveOptions,
  context: ExportContext,
): Promise<PreparedExport<ArchiveResult>> {
  const attrs = await imageAttributes(options, context);
  await checkFileDestination(options.dest);
  let headers: Metadata | undefined;
  const sink = streamSink({
    dest: options.dest,
    onMetadata: (metadata) => {
      headers = metadata;
    },
  });
  return {
    request: { type, attrs },
    sink,
    answers: true,
    async finish(answer) {
      try {
        const facts = await imageFacts({ answer, ...(headers && { headers }), names: chosenNames(options) });
        await sink.commit();
        return { ...destOf(options.dest), archiveBytes: sink.receivedBytes, ...facts };
      } catch (error) {
        await sink.discard();
        throw error;
      }
    },
    discard: () => sink.discard(),
  };
}
