import { constraintsOf, type StepOptions } from "../constraints.ts";
import { LlbError } from "../error.ts";
import { fresh, type State } from "../state.ts";
import { checkDigest } from "./check-digest.ts";
import { type SourceFileOptions, setFileInfo } from "./file-info.ts";
import { SourceDraft, sourceOutput } from "./source.ts";

/** How a file is downloaded and checked. */
export interface HttpOptions extends StepOptions, SourceFileOptions {
  /** The digest that the file must have. */
  readonly checksum?: string;
  /** The secret that holds the `Authorization` header. */
  readonly authHeaderSecret?: string;
  /** Headers of the request; BuildKit sends no others. */
  readonly headers?: { readonly accept?: string; readonly userAgent?: string };
  /** A key and a signature of the file, both armored. BuildKit 0.28 and later. */
  readonly pgpSignature?: { readonly publicKey: string; readonly signature: string };
}

/**
 * A file from a web server. The address is used as it is.
 *
 * @throws LlbError with reason `source` or `digest` for what no daemon would accept
 */
export function http(url: string, options: HttpOptions = {}): State {
  const place = http;
  const { checksum, authHeaderSecret, headers, pgpSignature } = options;
  checkDigest(checksum, place);
  if (pgpSignature !== undefined && (pgpSignature.publicKey === "" || pgpSignature.signature === "")) {
    throw new LlbError("a PGP signature needs the key and the signature: one of them is empty", {
      reason: "source",
      value: pgpSignature,
      place,
    });
  }
  const draft = new SourceDraft("source.http");
  draft.set("http.checksum", checksum, "source.http.checksum");
  // The misspelt name is the real one.
  setFileInfo(draft, options, place, { mode: "source.http.perm", owner: "soruce.http.uidgid" });
  draft.setFilled("http.authheadersecret", authHeaderSecret, "source.http.auth");
  if (headers !== undefined) {
    draft.setFilled("http.header.accept", headers.accept);
    draft.setFilled("http.header.user-agent", headers.userAgent);
    draft.need("source.http.header");
  }
  if (pgpSignature !== undefined) {
    draft.set("http.sig.pubkey", pgpSignature.publicKey);
    draft.set("http.sig.signature", pgpSignature.signature);
    draft.need("source.http.signatureverify");
  }
  return fresh(
    sourceOutput(
      { identifier: url, attrs: draft.attrs, caps: draft.caps },
      constraintsOf(options, place),
      place,
    ),
  );
}
