import { BuildkitError } from "@buildkit-node/core";

/** The peer broke HTTP/2, and the connection is lost with it. */
export class Http2Error extends BuildkitError {
  override readonly name: string = "Http2Error";
  /** The error code of RFC 9113, 7. */
  readonly http2Code: number;

  constructor(http2Code: number, message: string, options?: { readonly cause?: unknown }) {
    super("ERR_BUILDKIT_PROTOCOL", message, options);
    this.http2Code = http2Code;
  }
}
