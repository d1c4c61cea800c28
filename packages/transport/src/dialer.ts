import type { Duplex } from "node:stream";

/**
 * Makes the byte pipes that HTTP/2 connections run over. Wherever an address is taken, a dialer of the caller's own
 * may stand in its place: whatever gives a `Duplex` can carry a connection.
 */
export interface Dialer {
  /** What is dialed, for errors and logs; never holds a password. */
  readonly address: string;
  /** Where the address came from when the caller did not give it, such as `from DOCKER_HOST`; for errors. */
  readonly origin?: string;
  /** The `:authority` of requests, `localhost` where the address has no host. */
  readonly authority: string;
  /** The `:scheme` of requests: `https` over TLS. Default: `http`. */
  readonly scheme?: "http" | "https";
  /**
   * Opens one pipe that is ready for an HTTP/2 client preface. Rejects with a `ConnectError` that says what was
   * tried, or with the signal's reason. The signal has no meaning for the pipe once it is there; destroying the pipe
   * lets go of everything behind it.
   */
  dial(signal?: AbortSignal): Promise<Duplex>;
}
