import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { DigestAlgorithm, Platform } from "@buildkit-node/oci";
import {
  type AttestationChain,
  ChecksumRequest_ChecksumAlgo,
  type ResolveSourceMetaRequest,
  ResolveSourceMetaRequestSchema,
  type ResolveSourceMetaResponse,
} from "@buildkit-node/proto/gateway";
import {
  type CheckPolicyRequest,
  type CheckPolicyResponse,
  CheckPolicyResponseSchema,
  DecisionResponseSchema,
} from "@buildkit-node/proto/policy-session";
import { PolicyAction } from "@buildkit-node/proto/source-policy";
import type {
  PolicyAttestationChain,
  PolicyCheck,
  PolicyGit,
  PolicyHttp,
  PolicyImage,
  PolicyQuestion,
  PolicyVerdict,
} from "./source-policy.ts";

const checksumAlgorithms: Readonly<Record<DigestAlgorithm, ChecksumRequest_ChecksumAlgo>> = {
  sha256: ChecksumRequest_ChecksumAlgo.SHA256,
  sha384: ChecksumRequest_ChecksumAlgo.SHA384,
  sha512: ChecksumRequest_ChecksumAlgo.SHA512,
};

/** What a daemon asks, in our terms. */
export function policyCheck({ Platform, Source }: CheckPolicyRequest): PolicyCheck {
  return {
    source: { identifier: Source?.Source?.identifier ?? "", attrs: Source?.Source?.attrs ?? {} },
    platform: Platform === undefined ? undefined : platform(Platform),
    image: image(Source?.Image),
    git: git(Source?.Git),
    http: http(Source?.HTTP),
  };
}

/** A verdict about what `request` asks for, in the daemon's terms. */
export function policyResponse(verdict: PolicyVerdict, request: CheckPolicyRequest): CheckPolicyResponse {
  switch (verdict.action) {
    case "allow":
      return decision({ action: PolicyAction.ALLOW });
    case "deny":
      return decision({
        action: PolicyAction.DENY,
        denyMessages: (verdict.reasons ?? []).map((message) => ({ message })),
      });
    case "convert": {
      const { identifier, attrs } = verdict.source;
      return decision({ action: PolicyAction.CONVERT, update: { identifier, attrs: { ...attrs } } });
    }
    case "ask":
      return create(CheckPolicyResponseSchema, {
        result: { case: "request", value: question(verdict.about, request) },
      });
  }
}

function decision(init: MessageInitShape<typeof DecisionResponseSchema>): CheckPolicyResponse {
  const value = create(DecisionResponseSchema, init);
  return create(CheckPolicyResponseSchema, { result: { case: "decision", value } });
}

/** A daemon takes no question about anything but the very source that it asked about. */
function question(about: PolicyQuestion, request: CheckPolicyRequest): ResolveSourceMetaRequest {
  const { image, git, http } = about;
  return create(ResolveSourceMetaRequestSchema, {
    Source: {
      identifier: request.Source?.Source?.identifier ?? "",
      attrs: request.Source?.Source?.attrs ?? {},
    },
    ...(request.Platform === undefined ? {} : { Platform: request.Platform }),
    ...(image === undefined
      ? {}
      : {
          Image: {
            NoConfig: image.config === false,
            AttestationChain: image.attestationChain ?? false,
            ResolveAttestations: [...(image.attestations ?? [])],
          },
        }),
    ...(git === undefined ? {} : { Git: { ReturnObject: git.objects } }),
    ...(http === undefined
      ? {}
      : {
          HTTP: {
            ChecksumRequest: {
              Algo: checksumAlgorithms[http.checksum.algorithm],
              Suffix: http.checksum.suffix ?? new Uint8Array(),
            },
          },
        }),
  });
}

function platform(message: NonNullable<CheckPolicyRequest["Platform"]>): Platform {
  const { OS, Architecture, Variant, OSVersion, OSFeatures } = message;
  return {
    os: OS,
    architecture: Architecture,
    ...(Variant === "" ? {} : { variant: Variant }),
    ...(OSVersion === "" ? {} : { osVersion: OSVersion }),
    ...(OSFeatures.length === 0 ? {} : { osFeatures: OSFeatures }),
  };
}

function image(message: ResolveSourceMetaResponse["Image"]): PolicyImage | undefined {
  if (message === undefined) return undefined;
  return {
    digest: message.Digest,
    config: message.Config,
    attestationChain: attestationChain(message.AttestationChain),
  };
}

function attestationChain(message: AttestationChain | undefined): PolicyAttestationChain | undefined {
  if (message === undefined) return undefined;
  const blobs = Object.entries(message.Blobs).map(
    ([digest, { descriptor, data }]) => [digest, { mediaType: descriptor?.mediaType ?? "", data }] as const,
  );
  return {
    root: message.Root,
    imageManifest: message.ImageManifest,
    attestationManifest: message.AttestationManifest,
    signatureManifests: message.SignatureManifests,
    blobs: new Map(blobs),
  };
}

function git(message: ResolveSourceMetaResponse["Git"]): PolicyGit | undefined {
  if (message === undefined) return undefined;
  return {
    checksum: message.Checksum,
    ref: message.Ref,
    commitChecksum: message.CommitChecksum,
    commitObject: message.CommitObject,
    tagObject: message.TagObject,
  };
}

function http(message: ResolveSourceMetaResponse["HTTP"]): PolicyHttp | undefined {
  if (message === undefined) return undefined;
  const { Checksum, Filename, LastModified, ChecksumResponse } = message;
  return {
    checksum: Checksum,
    filename: Filename,
    lastModified: LastModified === undefined ? undefined : timestampDate(LastModified),
    asked:
      ChecksumResponse === undefined
        ? undefined
        : { digest: ChecksumResponse.Digest, suffix: ChecksumResponse.Suffix },
  };
}
