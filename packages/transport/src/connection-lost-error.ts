import { BuildkitError, errorMessage } from "@buildkit-node/core";

/** An open connection ended by itself, with every call that ran on it. */
export class ConnectionLostError extends BuildkitError {
  override readonly name: string = "ConnectionLostError";
  /** The daemon's address. */
  readonly address: string;

  constructor(address: string, cause: unknown) {
    const why = cause === undefined ? "the other side closed it" : errorMessage(cause);
    super("ERR_BUILDKIT_CONNECTION_LOST", `the connection to ${address} was lost: ${why}`, { cause });
    this.address = address;
  }
}
