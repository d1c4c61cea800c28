import type { Transport } from "@connectrpc/connect";
import type { Http2Stream, StreamReceiver } from "./http2/http2-stream.ts";

/** Request metadata in order; a name may repeat, and each pair is a header line of its own on the wire. */
export type MetadataPairs = readonly (readonly [name: string, value: string])[];

/**
 * One HTTP/2 connection to a daemon, shared by every call on it.
 *
 * Small calls go through `rpc`. A call that carries data takes `openStream` and does its own message framing.
 */
export interface Connection extends AsyncDisposable {
  /** The address as the caller would write it. */
  readonly address: string;
  /**
   * For clients made by connect's `createClient`. Compression is never asked for. Calls fail with a `StatusError`,
   * a `ConnectionLostError`, or the reason of the signal that ended them.
   */
  readonly rpc: Transport;
  /** False once no call can begin on it: it is lost, closed, or the daemon has said that it goes away. */
  readonly usable: boolean;
  /** Aborted, with the error that ended it, once the connection is gone. */
  readonly lost: AbortSignal;
  /**
   * Opens a gRPC call as a raw HTTP/2 stream: request headers are sent, messages are the caller's to frame.
   *
   * @throws {ConnectionLostError} or what `lost` was aborted with
   */
  openStream(path: string, metadata: MetadataPairs, receiver: StreamReceiver): Http2Stream;
  /** Ends the connection; idempotent. Calls that still run fail. */
  close(): Promise<void>;
}
