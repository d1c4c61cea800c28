import { create } from "@bufbuild/protobuf";
import {
  AttestationKind,
  type Attestation as AttestationMessage,
  AttestationSchema,
  InTotoSubjectKind,
} from "@buildkit-node/proto/gateway";
import type { Reference, ReferenceOwner } from "./reference.ts";

/** A statement about a result, kept beside it in an image's index or in files. */
export type Attestation = InTotoAttestation | AttestationBundle;

interface AttestationFile {
  /** The tree that holds the file. */
  readonly ref?: Reference;
  /** The file's path in that tree. */
  readonly path: string;
  /** Notes for the daemon: `reason` (`sbom` or `provenance`), `sbom-core`, `inline-only`. */
  readonly metadata?: Readonly<Record<string, Uint8Array>>;
}

/** A file with the predicate of an in-toto statement. */
export interface InTotoAttestation extends AttestationFile {
  readonly kind: "in-toto";
  readonly predicateType: string;
  /** What the statement is about. Default: the result itself. */
  readonly subjects?: readonly AttestationSubject[];
}

/** A directory of whole in-toto statements. */
export interface AttestationBundle extends AttestationFile {
  readonly kind: "bundle";
}

export interface AttestationSubject {
  /** `self` is the result, whatever its digest will be; `raw` is what `digests` say. */
  readonly kind: "self" | "raw";
  readonly name?: string;
  readonly digests?: readonly string[];
}

/** @throws {InvalidArgumentError} when its file is in a reference of another build */
export function attestationToProto(owner: ReferenceOwner, attestation: Attestation): AttestationMessage {
  const { ref, path, metadata } = attestation;
  return create(AttestationSchema, {
    path,
    metadata: { ...metadata },
    ...(ref !== undefined && { ref: { id: ref.idFor(owner, "attestations") } }),
    ...(attestation.kind === "bundle"
      ? { kind: AttestationKind.Bundle }
      : {
          kind: AttestationKind.InToto,
          inTotoPredicateType: attestation.predicateType,
          inTotoSubjects: (attestation.subjects ?? [{ kind: "self" as const }]).map((subject) => ({
            kind: subject.kind === "self" ? InTotoSubjectKind.Self : InTotoSubjectKind.Raw,
            name: subject.name ?? "",
            digest: [...(subject.digests ?? [])],
          })),
        }),
  });
}

/** @param refOf makes the reference of an id */
export function attestationFromProto(
  message: AttestationMessage,
  refOf: (id: string) => Reference,
): Attestation {
  const file = {
    path: message.path,
    metadata: message.metadata,
    ...(message.ref !== undefined && { ref: refOf(message.ref.id) }),
  };
  if (message.kind === AttestationKind.Bundle) return { kind: "bundle", ...file };
  return {
    kind: "in-toto",
    ...file,
    predicateType: message.inTotoPredicateType,
    subjects: message.inTotoSubjects.map((subject) => ({
      kind: subject.kind === InTotoSubjectKind.Raw ? "raw" : "self",
      name: subject.name,
      digests: subject.digest,
    })),
  };
}
