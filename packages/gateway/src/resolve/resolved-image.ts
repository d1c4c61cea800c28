import type { Descriptor, DigestText, Image, Index, Manifest, Platform } from "@buildkit-node/oci";

/** All that is known of an image, for one platform. */
export interface ResolvedImage {
  /** The image in full, such as `docker.io/library/alpine:3.20`. */
  readonly ref: string;
  /**
   * Digest of the index, or of the manifest of an image without index. Absent for an image that is only in the own
   * store of an engine with a graph driver.
   */
  readonly digest?: DigestText;
  /** The image pinned to its digest: `docker.io/library/alpine:3.20@sha256:…`. */
  readonly pinned?: string;
  /** The platform that the image is for, as its config says; see `warnings` when it is not the one asked for. */
  readonly platform?: Platform;
  readonly config: Image;
  /** The manifest of the platform's image; absent when the daemon does not give it out: see `incomplete`. */
  readonly manifest?: Manifest;
  readonly manifestDigest?: DigestText;
  /** Absent for an image without index, and when the daemon does not give it out. */
  readonly index?: Index;
  /** The documents byte for byte as the registry serves them, held against their digests. */
  readonly raw: { readonly config: Uint8Array; readonly manifest?: Uint8Array; readonly index?: Uint8Array };
  /** Of the manifest. */
  readonly layers: readonly Descriptor[];
  /** Of the index, the index's entry and the manifest; the later wins. */
  readonly annotations: Readonly<Record<string, string>>;
  /** All that the index lists for platforms; the one image's own platform when there is no index. */
  readonly platforms: readonly ImagePlatform[];
  /** What is said about the platform's image beside it; there when it was asked for. */
  readonly attestations?: readonly ImageAttestation[];
  /** Why manifest and index are missing. */
  readonly incomplete?: string;
  readonly warnings: readonly string[];
}

/** One platform of an image. */
export interface ImagePlatform {
  readonly platform: Platform;
  /** Digest of its manifest. */
  readonly digest: DigestText;
  /** Where its manifest is described in the index. */
  readonly descriptor: Descriptor;
  /** There when every platform was asked for. */
  readonly config?: Image;
  readonly manifest?: Manifest;
  readonly raw?: { readonly config: Uint8Array; readonly manifest: Uint8Array };
  /** Bytes of its config and layers, as they travel; there when every platform was asked for. */
  readonly contentBytes?: number;
}

/** A manifest of statements about an image. */
export interface ImageAttestation {
  readonly digest: DigestText;
  /** The manifest that it is about. */
  readonly subject: DigestText;
  readonly manifest: Manifest;
  readonly raw: Uint8Array;
  readonly statements: readonly ImageStatement[];
}

/** One in-toto statement, such as provenance or an SBOM. */
export interface ImageStatement {
  readonly predicateType: string;
  readonly descriptor: Descriptor;
  /** The statement, JSON; absent from daemons before BuildKit 0.28. */
  readonly raw?: Uint8Array;
}
