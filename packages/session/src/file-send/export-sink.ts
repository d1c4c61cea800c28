import type { ServerCall } from "@buildkit-node/transport";

/** Takes one exporter's result from the daemon. */
export interface ExportSink {
  /**
   * Receives one stream of the result. A build for several platforms sends one for each, at the same time. Resolves
   * once everything is written.
   */
  receive(call: ServerCall): Promise<void>;
  /**
   * The build has succeeded: what was received takes its place.
   *
   * @throws {DestinationError} when nothing was received
   */
  commit(): Promise<void>;
  /** The build has failed: what was received is removed, as far as it was not there before. */
  discard(): Promise<void>;
}
