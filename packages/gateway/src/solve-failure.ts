import { SolveError } from "@buildkit-node/core";
import { StatusError } from "@buildkit-node/transport";
import { decodeDetails } from "./error-details.ts";

/**
 * What a gateway call threw: the error of the build when it tells of a step, a source or a frontend, else what was
 * thrown. The lines that a step wrote are in the status of the build, which a gateway does not see.
 */
export function solveFailure(buildId: string | undefined, thrown: unknown): unknown {
  if (!(thrown instanceof StatusError)) return thrown;
  const tooLarge = thrown.reset && thrown.status === "Internal";
  const { vertex, ...decoded } = decodeDetails(thrown.details);
  const { sources, frontend, denied, exitCode } = decoded;
  const isBuild =
    [vertex, frontend, exitCode].some((one) => one !== undefined) || sources.length + denied.length > 0;
  if (!isBuild && !tooLarge) return thrown;
  return new SolveError(
    {
      ref: buildId ?? "",
      text: tooLarge ? "the daemon's error was too large to be sent" : thrown.text,
      status: thrown.status,
      ...(vertex !== undefined && { vertex: { digest: vertex } }),
      ...decoded,
      logs: [],
      details: thrown.details,
      detailsMissing: tooLarge,
    },
    { cause: thrown },
  );
}
