import { type ByteDestination, type ExportSink, streamSink } from "@buildkit-node/session";
import type { Metadata } from "@buildkit-node/transport";
import { checkFileDestination } from "./destination.ts";
import type { Exporter } from "./exporter.ts";
import { type ImageFacts, imageFacts } from "./image-facts.ts";
import { type ImageOptions, imageAttributes } from "./image-options.ts";
import { destOf } from "./tar.ts";

export interface OciOptions extends ImageOptions {
  /** A file's path, or a stream, which is ended with the last byte. A file appears when the build has succeeded. */
  readonly dest: ByteDestination;
}

export interface OciResult extends ImageFacts {
  readonly type: "oci";
  /** The file's absolute path; absent for a stream. */
  readonly dest?: string;
}

/** Writes the result as an image in the OCI layout, in one tar archive. */
export function oci(options: OciOptions): Exporter<OciResult> {
  return {
    name: "oci",
    async prepare({ image }) {
      const attrs = imageAttributes(options, image);
      await checkFileDestination(options.dest);
      let said: Metadata | undefined;
      const sink = streamSink({
        dest: options.dest,
        onMetadata: (metadata) => {
          said = metadata;
        },
      });
      return {
        request: { type: "oci", attrs },
        sink,
        async finish(response) {
          const facts = await factsOrDiscard(sink, said, response);
          await sink.commit();
          return { type: "oci", ...destOf(options.dest), ...facts };
        },
        discard: () => sink.discard(),
      };
    },
  };
}

/** The stream's own headers are about this image; the response may be about another exporter's. */
async function factsOrDiscard(
  sink: ExportSink,
  said: Metadata | undefined,
  response: Readonly<Record<string, string>>,
): Promise<ImageFacts> {
  try {
    return imageFacts((key) => said?.get(`exporter-md-${key}`) ?? response[key]);
  } catch (error) {
    await sink.discard();
    throw error;
  }
}
