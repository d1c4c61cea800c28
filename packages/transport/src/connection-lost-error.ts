import { BuildkitError, errorMessage } from "@buildkit-node/core";

/** An open connection ended by itself, with every call that ran on it. */
export class ConnectionLostError extends BuildkitError {
  override readonly name: string = "ConnectionLostError";
  /** The daemon's address. */
  readonly address: string;

  /** @param advice what to do about it */
  constructor(address: string, cause: unknown, advice?: string) {
    const why = cause === undefined ? "the other side closed it" : errorMessage(cause);
    const end = advice === undefined ? "" : `; ${advice}`;
    super("ERR_BUILDKIT_CONNECTION_LOST", `the connection to ${address} was lost: ${why}${end}`, { cause });
    this.address = address;
  }
}
