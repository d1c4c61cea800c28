import { StatusError } from "@buildkit-node/transport";

/** An answer that broke its connection by the size of its headers, as if its stream alone had been reset for that. */
export function answerTooLarge(method: string, cause?: unknown): StatusError {
  return new StatusError(
    {
      method,
      status: "Internal",
      text: "the answer has headers that are too large",
      details: [],
      reset: true,
    },
    cause === undefined ? undefined : { cause },
  );
}
