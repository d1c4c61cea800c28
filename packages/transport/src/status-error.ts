import { fromBinary } from "@bufbuild/protobuf";
import { BuildkitError, withoutPasswords } from "@buildkit-node/core";
import { StatusSchema } from "@buildkit-node/proto/rpc-status";
import { type GrpcStatus, type StatusName, statusName } from "./grpc/status.ts";

/** One of the details that a daemon attaches to an error. */
export interface StatusDetail {
  /** The last part of the type's URL, such as `errdefs.Vertex+json`. */
  readonly type: string;
  readonly value: Uint8Array;
}

/** The daemon answered a call with a gRPC status other than OK. */
export class StatusError extends BuildkitError {
  override readonly name: string = "StatusError";
  /** `/service/Method`. */
  readonly method: string;
  /** The status code's name, as in `NotFound`. */
  readonly status: StatusName;
  /** The daemon's own words, without passwords of URLs in them. */
  readonly text: string;
  declare readonly details: readonly StatusDetail[];
  /**
   * True when the stream was reset in place of an answer, and the status stands for the reset's code. With `Internal`
   * that is what a proxy does with an answer that has more headers than it passes on.
   */
  readonly reset: boolean;

  constructor(
    fields: Pick<StatusError, "method" | "status" | "text" | "details" | "reset">,
    options?: { readonly cause?: unknown },
  ) {
    const text = withoutPasswords(fields.text);
    super("ERR_BUILDKIT_STATUS", text === "" ? `${fields.method} failed: ${fields.status}` : text, options);
    this.method = fields.method;
    this.status = fields.status;
    this.text = text;
    // Bytes are of no use to a reader: consoles show what is enumerable.
    Object.defineProperty(this, "details", { value: fields.details });
    this.reset = fields.reset;
  }
}

/** The error of a call that ended with a status other than OK. */
export function statusError(method: string, { code, message, details, lost }: GrpcStatus): StatusError {
  return new StatusError(
    {
      method,
      status: statusName(code),
      text: message,
      details: details === undefined ? [] : decodeDetails(details),
      reset: lost !== undefined,
    },
    lost === undefined ? undefined : { cause: lost },
  );
}

/** What cannot be read is left out: the status is known without it. */
function decodeDetails(status: Uint8Array): StatusDetail[] {
  try {
    const { details } = fromBinary(StatusSchema, new Uint8Array(status));
    return details.map(({ typeUrl, value }) => ({
      type: typeUrl.slice(typeUrl.lastIndexOf("/") + 1),
      value,
    }));
  } catch {
    return [];
  }
}
