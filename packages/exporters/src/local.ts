import path from "node:path";
import { directorySink, type Ownership } from "@buildkit-node/session";
import { attributes } from "./attributes.ts";
import { checkDirectoryDestination } from "./destination.ts";
import type { Exporter } from "./exporter.ts";

export interface LocalOptions {
  /** The directory; made if there is none. What is in it stays, unless a file of the result takes its place. */
  readonly dest: string;
  /** Who owns the files; "self" by default: the user who runs this process. */
  readonly ownership?: Ownership;
  /**
   * Whether each platform's files go into a directory of their own, such as `linux_amd64`. By default they do when the
   * result has several platforms (BuildKit 0.12).
   */
  readonly platformSplit?: boolean;
  /** Put before the names of attestation files, such as `provenance.json` (BuildKit 0.11). */
  readonly attestationPrefix?: string;
  /** No file is newer: seconds since 1970 (BuildKit 0.11). */
  readonly sourceDateEpoch?: number;
}

export interface LocalResult {
  readonly type: "local";
  /** The directory's absolute path. */
  readonly dest: string;
}

/** Writes the result's files into a directory of this machine. */
export function local(options: LocalOptions): Exporter<LocalResult> {
  const dest = path.resolve(options.dest);
  return {
    name: "local",
    async prepare() {
      await checkDirectoryDestination(options.dest);
      const { ownership = "self" } = options;
      const sink = directorySink({ dest, ownership });
      const attrs = attributes({
        "platform-split": options.platformSplit,
        "attestation-prefix": options.attestationPrefix,
        "source-date-epoch": options.sourceDateEpoch,
      });
      return {
        request: { type: "local", attrs },
        sink,
        async finish() {
          await sink.commit();
          return { type: "local", dest };
        },
        discard: () => sink.discard(),
      };
    },
  };
}
