import type { DigestAlgorithm, Platform } from "@buildkit-node/oci";

/** A source as LLB names it. */
export interface PolicySource {
  /** Such as `docker-image://docker.io/library/alpine:latest` or `https://example.com/file`. */
  readonly identifier: string;
  /** Options of that kind of source. */
  readonly attrs: Readonly<Record<string, string>>;
}

/** One source of a build, and what is known about it: little at first, more once a policy has asked. */
export interface PolicyCheck {
  readonly source: PolicySource;
  /** The platform that the source is for, where that matters. */
  readonly platform: Platform | undefined;
  readonly image: PolicyImage | undefined;
  readonly git: PolicyGit | undefined;
  readonly http: PolicyHttp | undefined;
}

export interface PolicyImage {
  readonly digest: string;
  /** The bytes of the image's config; empty unless asked for. */
  readonly config: Uint8Array;
  /** Present when asked for and found. */
  readonly attestationChain: PolicyAttestationChain | undefined;
}

/** Where an image's provenance and signatures are. Values are digests. */
export interface PolicyAttestationChain {
  readonly root: string;
  readonly imageManifest: string;
  readonly attestationManifest: string;
  readonly signatureManifests: readonly string[];
  /** The documents themselves, by digest. */
  readonly blobs: ReadonlyMap<string, { readonly mediaType: string; readonly data: Uint8Array }>;
}

export interface PolicyGit {
  /** The commit, or the tag object for an annotated tag. */
  readonly checksum: string;
  readonly ref: string;
  readonly commitChecksum: string;
  /** The raw objects; empty unless asked for. */
  readonly commitObject: Uint8Array;
  readonly tagObject: Uint8Array;
}

export interface PolicyHttp {
  /** A digest of the content. */
  readonly checksum: string;
  readonly filename: string;
  readonly lastModified: Date | undefined;
  /** The digest that was asked for. */
  readonly asked: { readonly digest: string; readonly suffix: Uint8Array } | undefined;
}

/** What the daemon shall find out about a source before it asks again. */
export interface PolicyQuestion {
  readonly image?: {
    /** The config is fetched unless this is false. */
    readonly config?: boolean;
    /** False by default. */
    readonly attestationChain?: boolean;
    /** Predicate types of the attestations whose content is wanted too. */
    readonly attestations?: readonly string[];
  };
  /** Whether the git objects are wanted themselves. */
  readonly git?: { readonly objects: boolean };
  /** A digest of the content followed by `suffix`. */
  readonly http?: {
    readonly checksum: { readonly algorithm: DigestAlgorithm; readonly suffix?: Uint8Array };
  };
}

/** What a policy makes of a source. */
export type PolicyVerdict =
  /** It may be used. */
  | { readonly action: "allow" }
  /** The build fails, for these reasons. */
  | { readonly action: "deny"; readonly reasons?: readonly string[] }
  /** Another source takes its place, about which the daemon asks as well. */
  | {
      readonly action: "convert";
      readonly source: {
        readonly identifier: string;
        readonly attrs?: Readonly<Record<string, string>>;
      };
    }
  /** More has to be known. A daemon gives up after ten answers about one source. */
  | { readonly action: "ask"; readonly about: PolicyQuestion };

/** Decides about each source of a build. An error that it throws fails the build. */
export type SourcePolicy = (
  check: PolicyCheck,
  options: { readonly signal: AbortSignal },
) => PolicyVerdict | Promise<PolicyVerdict>;
