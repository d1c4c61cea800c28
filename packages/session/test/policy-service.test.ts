import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { ResolveSourceMetaResponseSchema } from "@buildkit-node/proto/gateway";
import { PlatformSchema } from "@buildkit-node/proto/pb";
import { PolicyVerifier } from "@buildkit-node/proto/policy-session";
import { PolicyAction } from "@buildkit-node/proto/source-policy";
import {
  type PolicyCheck,
  type PolicyVerdict,
  policyService,
  type SourcePolicy,
} from "@buildkit-node/session";
import { expect, it } from "vitest";
import { callServices } from "./support/service-peer.ts";

const source = {
  identifier: "docker-image://docker.io/library/alpine:latest",
  attrs: { "image.resolvemode": "pull" },
};

async function decide(
  policy: SourcePolicy,
  known: MessageInitShape<typeof ResolveSourceMetaResponseSchema> = { Source: source },
) {
  await using peer = await callServices(policyService(policy));
  const Platform = create(PlatformSchema, { OS: "linux", Architecture: "arm", Variant: "v7" });
  const Source = create(ResolveSourceMetaResponseSchema, known);
  const { result } = await peer.client(PolicyVerifier).checkPolicy({ Platform, Source });
  return result;
}

const always =
  (verdict: PolicyVerdict): SourcePolicy =>
  () =>
    verdict;

it("lets a source be used, refuses it, or puts another in its place", async () => {
  expect(await decide(always({ action: "allow" }))).toMatchObject({ value: { action: PolicyAction.ALLOW } });
  expect(await decide(always({ action: "deny", reasons: ["not ours", "too old"] }))).toMatchObject({
    case: "decision",
    value: {
      action: PolicyAction.DENY,
      denyMessages: [{ message: "not ours" }, { message: "too old" }],
    },
  });
  const pinned = { identifier: "docker-image://docker.io/library/alpine@sha256:12", attrs: { a: "b" } };
  expect(await decide(always({ action: "convert", source: pinned }))).toMatchObject({
    value: { action: PolicyAction.CONVERT, update: pinned },
  });
});

it("asks for more about the very source that it was asked about", async () => {
  const about = {
    image: { config: false, attestationChain: true, attestations: ["https://slsa.dev/provenance/v1"] },
    git: { objects: true },
    http: { checksum: { algorithm: "sha512", suffix: Buffer.from("x") } },
  } as const;
  expect(await decide(always({ action: "ask", about }))).toMatchObject({
    case: "request",
    value: {
      Source: source,
      Platform: { OS: "linux", Architecture: "arm", Variant: "v7" },
      Image: {
        NoConfig: true,
        AttestationChain: true,
        ResolveAttestations: ["https://slsa.dev/provenance/v1"],
      },
      Git: { ReturnObject: true },
      HTTP: { ChecksumRequest: { Algo: 2 } },
    },
  });
});

it("sees what is known", async () => {
  const checks: PolicyCheck[] = [];
  const remember: SourcePolicy = async (check) => {
    checks.push(check);
    return { action: "allow" };
  };
  await decide(remember);
  const modified = new Date("2026-11-21T08:00:00Z");
  await decide(remember, {
    Source: source,
    Image: {
      Digest: "sha256:12",
      Config: Buffer.from("{}"),
      AttestationChain: {
        Root: "sha256:34",
        Blobs: { "sha256:34": { descriptor: { mediaType: "application/json" }, data: Buffer.from("[]") } },
      },
    },
    Git: { Checksum: "abc", Ref: "refs/heads/main", CommitChecksum: "abc" },
    HTTP: { Checksum: "sha256:56", Filename: "f", LastModified: timestampFromDate(modified) },
  });
  expect(checks).toMatchObject([
    {
      source,
      platform: { os: "linux", architecture: "arm", variant: "v7" },
      image: undefined,
      git: undefined,
      http: undefined,
    },
    {
      image: { digest: "sha256:12", attestationChain: { root: "sha256:34", signatureManifests: [] } },
      git: { checksum: "abc", ref: "refs/heads/main", commitChecksum: "abc" },
      http: { checksum: "sha256:56", filename: "f", lastModified: modified, asked: undefined },
    },
  ]);
  expect(checks[1]?.image?.attestationChain?.blobs.get("sha256:34")?.mediaType).toBe("application/json");
});

it("fails the build when it fails", async () => {
  const failing: SourcePolicy = () => {
    throw new Error("the policy is broken");
  };
  await expect(decide(failing)).rejects.toMatchObject({ text: "the policy is broken" });
});
