import type { Image, Platform } from "@buildkit-node/oci";
import type { PlatformOption } from "./platform-option.ts";

/** Which copy of an image is wanted: the daemon's choice, always the registry's, or a local one if there is any. */
export type ResolveMode = "default" | "pull" | "local";

/** What is known about an image. */
export interface ResolvedImage {
  /** The reference that was resolved, where it differs from the one that was asked for. */
  readonly ref?: string;
  /** Absent or empty for an image that only an engine's own store has: it cannot be pinned. */
  readonly digest?: string;
  /** The image's config: the document, or its JSON. */
  readonly config: Image | string | Uint8Array;
}

/** An OCI layout that a session serves. */
export interface LayoutPlace {
  /** Its name in the session. */
  readonly store: string;
  /** The session's id. Default: that of the build. */
  readonly session?: string;
}

/** Looks images up. A client of a daemon is one; tests bring their own. */
export interface ImageResolver {
  /**
   * @param ref a whole reference, such as `docker.io/library/alpine:latest`
   * @param options.layout where the image is, if that is an OCI layout and not a registry
   */
  resolveImageConfig(
    ref: string,
    options: {
      readonly platform: Platform;
      readonly resolveMode: ResolveMode;
      readonly layout?: LayoutPlace;
      readonly signal?: AbortSignal;
    },
  ): Promise<ResolvedImage>;
}

/** Who can be asked about an image before a build: a client of a daemon, or its gateway. */
export interface ImageClient {
  /** Without a platform it is the daemon's own that is asked for. */
  resolveImageConfig(
    ref: string,
    options: {
      readonly platform?: Platform;
      readonly resolveMode: ResolveMode;
      readonly signal?: AbortSignal;
    },
  ): Promise<ResolvedImage>;
}

export interface LookUpOptions {
  /** Default: the one that the image was given, else the daemon's own. */
  readonly platform?: PlatformOption;
  readonly signal?: AbortSignal;
}

/** Looks an image up and gives what has become of it. */
export type LookUp<T> = (client: ImageClient, options: LookUpOptions) => Promise<T>;
