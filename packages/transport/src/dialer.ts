import type { Duplex } from "node:stream";

/** Makes the byte pipes that HTTP/2 connections run over. */
export interface Dialer {
  /** What is dialed, for errors and logs; never holds a password. */
  readonly address: string;
  /** The `:authority` of requests, `localhost` where the address has no host. */
  readonly authority: string;
  /**
   * Opens one pipe that is ready for an HTTP/2 client preface. Rejects with a `ConnectError` that says what was
   * tried, or with the signal's reason.
   */
  dial(signal?: AbortSignal): Promise<Duplex>;
}
