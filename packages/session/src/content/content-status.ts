import { CallError, StatusCode } from "@buildkit-node/transport";
import { ContentError, type ContentErrorReason } from "./content-error.ts";

const codes: Readonly<Record<ContentErrorReason, number>> = {
  "not-found": StatusCode.notFound,
  exists: StatusCode.alreadyExists,
  // Daemons try again.
  locked: StatusCode.unavailable,
  "out-of-range": StatusCode.outOfRange,
  mismatch: StatusCode.failedPrecondition,
  invalid: StatusCode.invalidArgument,
  unsupported: StatusCode.failedPrecondition,
};

/** Gives a store's refusal the status that daemons know it by; anything else passes through. */
export function withContentStatus(thrown: unknown): unknown {
  if (thrown instanceof ContentError) {
    return new CallError(codes[thrown.reason], thrown.message, { cause: thrown });
  }
  return thrown;
}
