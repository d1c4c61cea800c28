import { InvalidArgumentError, UnsupportedError } from "@buildkit-node/core";
import type { ResolveMode } from "@buildkit-node/llb";
import type { Platform } from "@buildkit-node/oci";
import { ChecksumRequest_ChecksumAlgo, type ResolveSourceMetaResponse } from "@buildkit-node/proto/gateway";
import { requireCapability } from "../capabilities.ts";
import { platformToProto, toPlatform } from "../platform.ts";
import type { ReferenceOwner } from "../reference.ts";
import { solveFailure } from "../solve-failure.ts";

/** A source, in the words of LLB. */
export interface SourceMetaRequest {
  /** Such as `git://github.com/moby/buildkit#master`, `https://example.org/file` or `docker-image://…`. */
  readonly identifier: string;
  /** Such as `git.fullurl` or `http.checksum`. */
  readonly attrs?: Readonly<Record<string, string>>;
  readonly platform?: Platform | string;
  readonly resolveMode?: ResolveMode;
  /** What progress shows. Default: the daemon's words. */
  readonly logName?: string;
  /** Asks for the commit and the tag themselves, too (BuildKit 0.26). This fetches. */
  readonly gitObjects?: boolean;
  /** Asks for another checksum of a file: of its bytes followed by the suffix, 4 KiB at most (BuildKit 0.28). */
  readonly httpChecksum?: {
    readonly algorithm: "sha256" | "sha384" | "sha512";
    readonly suffix?: Uint8Array;
  };
  readonly signal?: AbortSignal;
}

/** What a source stands for at the moment; one of the three, or none where the daemon has nothing to tell. */
export interface SourceMeta {
  /** The source as the daemon's policies leave it; it is not pinned. */
  readonly identifier: string;
  readonly attrs: Readonly<Record<string, string>>;
  readonly image?: ImageMeta;
  readonly git?: GitMeta;
  readonly http?: HttpMeta;
}

export interface ImageMeta {
  /** Digest of the index, or of the manifest when there is none; empty for an image that only the engine has. */
  readonly digest: string;
  /** The config document of the platform's image. */
  readonly config: Uint8Array;
}

export interface GitMeta {
  /** What the reference names; for an annotated tag the tag's own object. */
  readonly checksum: string;
  /** In full, such as `refs/heads/main`. */
  readonly ref: string;
  /** The commit that an annotated tag stands for. */
  readonly commitChecksum?: string;
  readonly commitObject?: Uint8Array;
  readonly tagObject?: Uint8Array;
}

export interface HttpMeta {
  /** Of the file; the daemon has downloaded it to find that out. */
  readonly checksum: string;
  readonly filename: string;
  readonly lastModifiedMs?: number;
  /** What `httpChecksum` asked for. */
  readonly requestedChecksum?: string;
}

const algorithms = {
  sha256: ChecksumRequest_ChecksumAlgo.SHA256,
  sha384: ChecksumRequest_ChecksumAlgo.SHA384,
  sha512: ChecksumRequest_ChecksumAlgo.SHA512,
} as const;

/**
 * See `Gateway.resolveSourceMeta`. The daemon's own walk through an image's attestations is never asked for: with an
 * image that is not an OCI index it crashes daemons up to 0.32.
 */
export async function resolveSourceMeta(
  owner: ReferenceOwner,
  request: SourceMetaRequest,
): Promise<SourceMeta> {
  const { bridge, capabilities } = owner;
  const { identifier, platform, httpChecksum, gitObjects = false } = request;
  if (!/^[a-z][a-z0-9+.-]*:\/\/./.test(identifier)) {
    throw new InvalidArgumentError(
      "identifier",
      identifier,
      `${JSON.stringify(identifier)} is not a source: it needs a scheme, such as git:// or docker-image://`,
    );
  }
  requireCapability(capabilities, "source.metaresolver", "finding out what a source stands for");
  if (httpChecksum !== undefined) {
    requireCapability(
      capabilities,
      "source.metaresolver.http.checksumrequest",
      "asking for a file's checksum",
    );
  }
  const checksum = httpChecksum && {
    Algo: algorithms[httpChecksum.algorithm],
    Suffix: httpChecksum.suffix ?? new Uint8Array(),
  };
  try {
    const response = await bridge.rpc.resolveSourceMeta(
      {
        Source: { identifier, attrs: { ...request.attrs } },
        ...(platform !== undefined && { Platform: platformToProto(toPlatform(platform)) }),
        LogName: request.logName ?? "",
        ResolveMode: request.resolveMode ?? "default",
        Image: {},
        Git: { ReturnObject: gitObjects },
        ...(checksum !== undefined && { HTTP: { ChecksumRequest: checksum } }),
      },
      bridge.call(request.signal),
    );
    const meta = sourceMetaFromProto(request, response);
    checkTold(meta);
    return meta;
  } catch (error) {
    throw solveFailure(bridge.buildId, error);
  }
}

/** Daemons before BuildKit 0.26 only say such a source back. */
function checkTold({ identifier, git, http }: SourceMeta): void {
  if (git !== undefined || http !== undefined || !/^(git|https?):/.test(identifier)) return;
  throw new UnsupportedError(
    "source.metaresolver",
    `the daemon tells nothing about ${identifier}: asking about git and http needs BuildKit 0.26`,
  );
}

function sourceMetaFromProto(request: SourceMetaRequest, response: ResolveSourceMetaResponse): SourceMeta {
  const { Source: source, Image: image, Git: git, HTTP: http } = response;
  return {
    identifier: source?.identifier ?? request.identifier,
    attrs: source?.attrs ?? request.attrs ?? {},
    ...(image !== undefined && { image: { digest: image.Digest, config: image.Config } }),
    ...(git !== undefined && {
      git: {
        checksum: git.Checksum,
        ref: git.Ref,
        ...(git.CommitChecksum !== "" && { commitChecksum: git.CommitChecksum }),
        ...(git.CommitObject.length > 0 && { commitObject: git.CommitObject }),
        ...(git.TagObject.length > 0 && { tagObject: git.TagObject }),
      },
    }),
    ...(http !== undefined && {
      http: {
        checksum: http.Checksum,
        filename: http.Filename,
        ...(http.LastModified && { lastModifiedMs: Number(http.LastModified.seconds) * 1000 }),
        ...(http.ChecksumResponse && { requestedChecksum: http.ChecksumResponse.Digest }),
      },
    }),
  };
}
