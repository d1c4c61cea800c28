import path from "node:path";
import { directorySink, type LocalMode, type Ownership } from "@buildkit-node/session";
import { attributes } from "./attributes.ts";
import { checkDirectoryDestination } from "./destination.ts";
import type { Exporter } from "./exporter.ts";

export interface LocalOptions {
  /**
   * The directory. Where there is none, it appears when the build has succeeded; until then the files are beside its place, in
   * a directory `.NAME.….partial`, which a process that is killed leaves. One that is there is filled in place: each file
   * takes the place of one that has its name once it is complete, and a process that is killed leaves a part of the result.
   * A build that fails or is aborted leaves nothing of its own.
   */
  readonly dest: string;
  /**
   * What becomes of the rest of what is in the directory: "copy", the default, leaves it; "delete" removes it once all of the
   * result is there, so that the directory is the result and nothing else. "delete" needs BuildKit 0.31: with an older
   * daemon the build fails with an `UnsupportedError`, and nothing is deleted.
   */
  readonly mode?: LocalMode;
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
  const { ownership = "self", mode = "copy" } = options;
  const dest = path.resolve(options.dest);
  return {
    name: "local",
    destination: { kind: "directory", path: dest, deletes: mode === "delete" },
    async prepare() {
      await checkDirectoryDestination(options.dest);
      const sink = directorySink({ dest, ownership, mode });
      const attrs = attributes({
        // Older daemons take no notice of it, and are refused when they send.
        mode: mode === "delete" ? mode : undefined,
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
