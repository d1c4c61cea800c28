import * as llb from "@buildkit-node/llb";
import fc from "fast-check";
import { anyText, dictionary, digest, filledText, name, texts, withStep } from "./any-value.ts";

const file = { filename: anyText, mode: fc.nat(0o777), uid: fc.nat(), gid: fc.nat() };
const layerLimit = fc.integer({ min: 1, max: 99 });

const gitOptions = withStep({
  ref: name,
  subdir: name,
  keepGitDir: fc.boolean(),
  authTokenSecret: anyText,
  authHeaderSecret: anyText,
  knownHosts: fc.oneof(anyText, texts),
  sshSocket: anyText,
  checksum: name,
  skipSubmodules: fc.boolean(),
  mtime: fc.constantFrom("checkout", "commit"),
  fetchByCommit: fc.boolean(),
});

const bundles = fc.oneof(
  fc.record({ checkoutBundle: fc.boolean() }),
  fc.tuple(digest, name, name).map(([of, session, store]) => ({
    checksum: "12",
    bundle: { locator: `oci-layout+blob://example.com/a@${of}`, session, store },
  })),
);

/** A state of any source, with any of its options. */
export const anySource: fc.Arbitrary<llb.State> = fc.oneof(
  fc
    .tuple(
      name,
      withStep({
        resolveMode: fc.constantFrom("default", "pull", "local"),
        layerLimit,
        checksum: digest,
        internal: fc.boolean(),
      }),
    )
    .map(([ref, given]) => llb.image(ref, given)),
  fc.tuple(name, digest, withStep(file)).map(([ref, of, given]) => llb.imageBlob(`${ref}@${of}`, given)),
  fc
    .tuple(name, digest, filledText, withStep({ ...file, session: anyText }))
    .map(([ref, of, store, given]) => llb.ociLayoutBlob(`${ref}@${of}`, { ...given, store })),
  fc
    .tuple(name, name, digest, withStep({ store: anyText, session: anyText, layerLimit }))
    .map(([store, ref, of, given]) => llb.ociLayout(`${store}/${ref}@${of}`, given)),
  fc
    .tuple(fc.constantFrom("https://example.com/", "git@example.com:"), name, gitOptions)
    .map(([host, repository, given]) => llb.git(`${host}${repository}.git`, given)),
  fc.tuple(name, bundles).map(([repository, given]) => llb.git(`example.com/${repository}`, given)),
  fc
    .tuple(
      filledText,
      withStep({
        ...file,
        checksum: digest,
        authHeaderSecret: anyText,
        headers: fc.record({ accept: anyText, userAgent: anyText }, { requiredKeys: [] }),
        pgpSignature: fc.record({ publicKey: filledText, signature: filledText }),
      }),
    )
    .map(([url, given]) => llb.http(url, given)),
  fc
    .tuple(
      anyText,
      withStep({
        include: texts,
        exclude: texts,
        followPaths: texts,
        sharedKeyHint: anyText,
        sessionId: anyText,
        differ: fc.record({ type: fc.constantFrom("metadata", "none"), required: fc.boolean() }),
        metadataOnly: fc.oneof(fc.boolean(), fc.record({ except: texts })),
      }),
    )
    .map(([of, given]) => llb.local(of, given)),
  fc
    .tuple(anyText, withStep({ attrs: dictionary, caps: fc.constant(["source.http"]) }))
    .map(([rest, given]) => llb.source(`x${rest}`, given)),
  fc.constant(llb.scratch()),
);
