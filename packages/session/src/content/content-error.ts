import { BuildkitError } from "@buildkit-node/core";

/** Why a content store refused. */
export type ContentErrorReason =
  /** The store has no such blob or ingest. */
  | "not-found"
  /** The store has the blob already. */
  | "exists"
  /** Another write has the ref. */
  | "locked"
  /** An offset past the end, or not where the write stands. */
  | "out-of-range"
  /** The bytes do not have the size or digest that was promised. */
  | "mismatch"
  /** A digest or ref that cannot be one. */
  | "invalid"
  /** The call is not offered by this store. */
  | "unsupported";

/** A content store refused; `reason` says why and `subject` names the digest or ref. */
export class ContentError extends BuildkitError {
  override readonly name: string = "ContentError";
  readonly reason: ContentErrorReason;
  readonly subject: string;

  constructor(
    reason: ContentErrorReason,
    subject: string,
    message: string,
    options?: { readonly cause?: unknown },
  ) {
    super("ERR_BUILDKIT_CONTENT", message, options);
    this.reason = reason;
    this.subject = subject;
  }
}

export function notFound(subject: string, options?: { readonly cause?: unknown }): ContentError {
  return new ContentError("not-found", subject, `no content ${subject}`, options);
}

export function alreadyExists(digest: string): ContentError {
  return new ContentError("exists", digest, `content ${digest} already exists`);
}
