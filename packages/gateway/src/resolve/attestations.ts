import { imageBlob } from "@buildkit-node/llb";
import type { Descriptor, DigestText, Index, Manifest } from "@buildkit-node/oci";
import { hasCapability } from "../capabilities.ts";
import type { GatewayOwner } from "../gateway.ts";
import { checked, readBlob } from "./blob.ts";
import { ImageError } from "./image-error.ts";
import { type ImagePlace, resolveRoot, withDigest } from "./resolve-root.ts";
import type { ImageAttestation, ImageStatement } from "./resolved-image.ts";

const typeAnnotation = "vnd.docker.reference.type";
const subjectAnnotation = "vnd.docker.reference.digest";
const predicateAnnotation = "in-toto.io/predicate-type";

/** Whether an entry of an index is not an image but says something about one. */
export function isAttestation({ annotations }: Descriptor): boolean {
  return annotations?.[typeAnnotation] === "attestation-manifest";
}

/** What an index holds about one of its images. */
export async function readAttestations(
  owner: GatewayOwner,
  place: ImagePlace,
  index: Index | undefined,
  subject: DigestText,
  signal: AbortSignal | undefined,
): Promise<readonly ImageAttestation[]> {
  const attestations: ImageAttestation[] = [];
  for (const entry of index?.manifests ?? []) {
    if (!isAttestation(entry) || entry.annotations?.[subjectAnnotation] !== subject) continue;
    const raw = await readManifest(owner, withDigest(place, entry.digest), entry.digest, signal);
    if (raw === undefined) continue;
    const manifest: Manifest = JSON.parse(new TextDecoder().decode(raw));
    const statements: ImageStatement[] = [];
    for (const descriptor of manifest.layers) {
      const predicateType = descriptor.annotations?.[predicateAnnotation];
      if (predicateType === undefined) continue;
      const statement = await readStatement(owner, place, descriptor, signal);
      statements.push({ predicateType, descriptor, ...(statement && { raw: statement }) });
    }
    attestations.push({ digest: entry.digest, subject, manifest, raw, statements });
  }
  return attestations;
}

/** Resolving it may fail, as its config is not an image's; the daemon has read the manifest by then. */
async function readManifest(
  owner: GatewayOwner,
  place: ImagePlace,
  digest: DigestText,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | undefined> {
  try {
    await resolveRoot(owner, place, undefined, signal);
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
  }
  const bytes = await readBlob(owner.bridge, digest, signal);
  return bytes === undefined || "reason" in bytes ? undefined : bytes;
}

/** The largest statement that is read: an SBOM of a whole distribution has some ten MiB. */
const maxStatementBytes = 256 * 1024 * 1024;

/** A statement's bytes, which the daemon fetches as a source of their own. */
async function readStatement(
  owner: GatewayOwner,
  place: ImagePlace,
  { digest, size }: Descriptor,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | undefined> {
  const canFetch = place.store === undefined && hasCapability(owner.capabilities, "source.imageblob");
  if (!canFetch || size > maxStatementBytes) return undefined;
  const options = signal === undefined ? {} : { signal };
  const tree = await owner.solve(imageBlob(withDigest(place, digest).name, { filename: blobFile }), options);
  return checked(await tree.readFile(blobFile, options), digest);
}

const blobFile = "statement.json";
