import { create } from "@bufbuild/protobuf";
import { errorMessage, SolveError } from "@buildkit-node/core";
import { type Status, StatusSchema } from "@buildkit-node/proto/rpc-status";
import { StatusCode, type StatusDetail, StatusError } from "@buildkit-node/transport";
import { statusCode } from "@buildkit-node/transport/internal";
import { sourcesOf } from "./source-error.ts";

/** What the daemon names its details with; it knows them by this whole name alone. */
const typePrefix = "github.com/moby/buildkit/";

/**
 * What a build function threw, as the daemon passes it on: an error of the daemon with all that came with it, any other
 * with its message and the sources that it names.
 */
export function errorStatus(thrown: unknown): Status {
  const known = thrown instanceof SolveError || thrown instanceof StatusError;
  const details: readonly StatusDetail[] = known ? thrown.details : sourcesOf(thrown).map(sourceDetail);
  return create(StatusSchema, {
    code: known ? codeOf(thrown.status) : isAbort(thrown) ? StatusCode.canceled : StatusCode.unknown,
    message: known ? thrown.text : errorMessage(thrown) || "the build function failed without a message",
    details: details.map(({ type, value }) => ({ typeUrl: `${typePrefix}${type}`, value })),
  });
}

type Source = ReturnType<typeof sourcesOf>[number];

function sourceDetail({ filename, language, data, ranges }: Source): StatusDetail {
  const info = { filename, language, data: Buffer.from(data).toString("base64") };
  return { type: "errdefs.Source+json", value: new TextEncoder().encode(JSON.stringify({ info, ranges })) };
}

/** A status is never OK here: the daemon would take that for neither result nor error. */
function codeOf(name: string): number {
  return statusCode(name) || StatusCode.unknown;
}

function isAbort(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.name === "AbortError";
}
