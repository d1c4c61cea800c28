import { BuildkitError } from "@buildkit-node/core";
import { StatusError, type StatusName } from "@buildkit-node/transport";

/** Why an image cannot be resolved. */
export type ImageProblem =
  /** The registry has no image of that name, tag or digest. */
  | "not-found"
  /** The image has none for the platform that was asked for. */
  | "no-platform"
  /** The registry wants other credentials than the session gave. */
  | "denied"
  /** What was found is no image. */
  | "not-an-image"
  /** The daemon gave another reason: see the message. */
  | "other";

/** An image cannot be resolved. */
export class ImageError extends BuildkitError {
  override readonly name: string = "ImageError";
  /** The image, in full. */
  readonly ref: string;
  readonly problem: ImageProblem;

  constructor(ref: string, problem: ImageProblem, text: string, options?: { readonly cause?: unknown }) {
    super("ERR_BUILDKIT_IMAGE", `cannot resolve ${ref}: ${text}`, options);
    this.ref = ref;
    this.problem = problem;
  }
}

/** Statuses that say something about the call, not about the image. */
const ofCall: readonly StatusName[] = ["Canceled", "Unavailable", "Unimplemented"];

/** What a failed resolution throws. The daemon gives registries' answers as text, with no status code of their own. */
export function imageError(ref: string, thrown: unknown): unknown {
  if (!(thrown instanceof StatusError) || ofCall.includes(thrown.status)) return thrown;
  return new ImageError(ref, problemIn(thrown.text), thrown.text, { cause: thrown });
}

function problemIn(text: string): ImageProblem {
  if (/no match for platform/.test(text)) return "no-platform";
  if (/unknown type|unknown media type|unsupported media type/.test(text)) return "not-an-image";
  if (/\b(401|403)\b|denied|unauthorized|authorization failed|no basic auth/i.test(text)) return "denied";
  if (/not ?found|\b404\b|manifest unknown|name unknown/i.test(text)) return "not-found";
  return "other";
}
