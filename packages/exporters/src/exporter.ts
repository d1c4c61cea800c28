import type { Descriptor, Image } from "@buildkit-node/oci";
import type { ContentStore, ExportSink } from "@buildkit-node/session";

/**
 * Where a build's result goes: what `local()`, `image()`, `oci()` and the others make, and what a build's `exports` takes.
 * One exporter serves one build at a time; `Result` is what it says about the result.
 */
export interface Exporter<Result> {
  /** The exporter's name for people, such as `local`. */
  readonly name: string;
  /** Where on this machine the result goes; absent where it goes elsewhere, or to a function. */
  readonly destination?: ExportDestination;
  /**
   * Checks what can be checked before the build, and says what the build has to ask the daemon for. Rejects with an
   * `InvalidArgumentError` or a `DestinationError`; nothing is left behind then.
   */
  prepare(context: ExportContext): Promise<PreparedExport<Result>>;
}

/** A place of this machine that an exporter writes to: a build whose exporters would destroy each other's results is refused. */
export type ExportDestination =
  | {
      readonly kind: "file" | "layout";
      /** Absolute. */
      readonly path: string;
    }
  | {
      readonly kind: "directory";
      /** Absolute. */
      readonly path: string;
      /** Whether what the result does not have is removed. */
      readonly deletes: boolean;
    }
  | {
      readonly kind: "stream";
      /** The stream or the open file. */
      readonly stream: object;
    };

/** What an exporter may know about the build that it is for. */
export interface ExportContext {
  /** The address of the daemon that builds. */
  readonly daemon: string;
  /**
   * The documents of the images that the build's states stand for, by platform; under an empty name where there is one
   * state: its platform, and the config of its base image with what the state set. Only for raw LLB; absent where a
   * frontend says what the image is. Base images that are not known yet are looked up when this is called.
   */
  readonly images?: () => Promise<ReadonlyMap<string, Image>>;
  readonly signal?: AbortSignal;
}

/** An exporter that is ready for its build. Exactly one of `finish` and `discard` is called in the end. */
export interface PreparedExport<Result> {
  /** What the daemon is asked for; absent where it has nothing to do. */
  readonly request?: { readonly type: string; readonly attrs: Readonly<Record<string, string>> };
  /** Takes the result from the daemon, if it is to be sent as a stream. */
  readonly sink?: ExportSink;
  /** Takes the result's blobs from the daemon, if it is to be sent so; those that are there are not sent. */
  readonly layout?: LayoutTarget;
  /** Whether the daemon's answer speaks of this exporter's image, under names that all such exporters share. */
  readonly answers?: boolean;
  /** The build has succeeded. */
  finish(answer: ExportAnswer): Promise<Result>;
  /** The build has failed: nothing of its result is left. */
  discard(): Promise<void>;
}

/** A directory that is an OCI layout, or will be one. */
export interface LayoutTarget {
  readonly dir: string;
  readonly store: ContentStore;
}

/** What the daemon has said when a build has succeeded. */
export interface ExportAnswer {
  /** The answers of all the build's exporters. Of those under one name the last exporter's is left. */
  readonly response: Readonly<Record<string, string>>;
  /**
   * What became of this exporter's part of `response`: it is all about this one, it is the last one's over which others may
   * show through, or a later exporter has overwritten it.
   */
  readonly standing: "alone" | "last" | "overwritten";
  /**
   * What the daemon's history of builds has as this exporter's result; `undefined` where it has none: before BuildKit 0.13,
   * for internal builds, and for exporters that make no image.
   */
  recorded(): Promise<Descriptor | undefined>;
  /** Reads a document, such as a manifest, from the daemon's content store. */
  read(descriptor: Pick<Descriptor, "digest" | "size">): Promise<Uint8Array>;
  /** Where the blobs are, if they went into a store that several exporters share and not into the exporter's own. */
  readonly staged?: ContentStore;
}

/** The result of an exporter, as in `ResultOf<typeof exporter>`. */
export type ResultOf<E> = E extends Exporter<infer Result> ? Result : never;
