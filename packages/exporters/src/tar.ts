import path from "node:path";
import { type ByteDestination, streamSink } from "@buildkit-node/session";
import { attributes } from "./attributes.ts";
import { checkFileDestination, destinationOf } from "./destination.ts";
import type { Exporter } from "./exporter.ts";

export interface TarOptions {
  /**
   * A file's path, or a stream, which is ended with the last byte. A file appears when the build has succeeded; a device or a
   * named pipe, such as `/dev/stdout`, is written to as the bytes come.
   */
  readonly dest: ByteDestination;
  /** Put before the names of attestation files, such as `provenance.json` (BuildKit 0.11). */
  readonly attestationPrefix?: string;
  /** No file is newer: seconds since 1970 (BuildKit 0.11). */
  readonly sourceDateEpoch?: number;
}

export interface TarResult {
  readonly type: "tar";
  /** The file's absolute path; absent for a stream. */
  readonly dest?: string;
}

/** Writes the result's files as one tar archive; each platform of several has a directory of its own in it. */
export function tar(options: TarOptions): Exporter<TarResult> {
  return {
    name: "tar",
    ...destinationOf(options.dest),
    async prepare() {
      await checkFileDestination(options.dest);
      const sink = streamSink({ dest: options.dest });
      const attrs = attributes({
        "attestation-prefix": options.attestationPrefix,
        "source-date-epoch": options.sourceDateEpoch,
      });
      return {
        request: { type: "tar", attrs },
        sink,
        async finish() {
          await sink.commit();
          return { type: "tar", ...destOf(options.dest) };
        },
        discard: () => sink.discard(),
      };
    },
  };
}

/** The field `dest` of a result. */
export function destOf(dest: ByteDestination): { readonly dest?: string } {
  return typeof dest === "string" ? { dest: path.resolve(dest) } : {};
}
