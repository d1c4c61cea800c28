import { BuildkitError, withoutPasswords } from "@buildkit-node/core";
import { ConnectError as RpcError } from "@connectrpc/connect";
import { type StatusName, statusName } from "./grpc/status.ts";
import { StreamEndedError } from "./rpc-http-client.ts";

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

/** What a call threw, as one of our errors; anything that is not an RPC's error passes through. */
export function statusError(method: string, thrown: unknown): unknown {
  if (!(thrown instanceof RpcError)) return thrown;
  const details = thrown.details.flatMap((detail) => ("type" in detail ? [detail] : []));
  return new StatusError(
    {
      method,
      status: statusName(thrown.code),
      text: thrown.rawMessage,
      details: details.map(({ type, value }) => ({ type, value })),
      reset: thrown.cause instanceof StreamEndedError,
    },
    // Of an error that was received, everything is in the fields.
    thrown.metadata.has("grpc-status") ? undefined : { cause: thrown },
  );
}
