import type { Metadata } from "./metadata.ts";
import { type GrpcStatus, StatusCode } from "./status.ts";

/** What gRPC makes of the HTTP status of an answer that has no status of its own: a proxy's, mostly. */
const httpCodes: ReadonlyMap<string, number> = new Map([
  ["400", StatusCode.internal],
  ["401", StatusCode.unauthenticated],
  ["403", StatusCode.permissionDenied],
  ["404", StatusCode.unimplemented],
  ["429", StatusCode.unavailable],
  ["502", StatusCode.unavailable],
  ["503", StatusCode.unavailable],
  ["504", StatusCode.unavailable],
]);

/** How a call ends whose answer is not gRPC; `undefined` for one that is. */
export function foreignAnswer(headers: Metadata): GrpcStatus | undefined {
  const status = headers.get(":status") ?? "none";
  if (status !== "200") {
    const code = httpCodes.get(status) ?? StatusCode.unknown;
    return { code, message: `the peer answered with HTTP status ${status}` };
  }
  const type = headers.get("content-type") ?? "no content type";
  if (/^application\/grpc(\+proto)?\s*(;|$)/i.test(type)) return undefined;
  return { code: StatusCode.unknown, message: `the peer answered with ${type} in place of gRPC` };
}
