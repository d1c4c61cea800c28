/** What moves between the client and the null peer. */
export interface Scenario {
  readonly kind: /** The peer asks for every file of a directory. */
    | "upload"
    /** The peer sends files to a `local` exporter. */
    | "export-tree"
    /** The peer sends one stream to a `tar` exporter, in messages of 32 KiB as daemons do. */
    | "export-bytes";
  readonly files: number;
  readonly fileBytes: number;
}

/** What it came to. */
export interface NullPeerResult {
  readonly files: number;
  readonly bytes: number;
  readonly seconds: number;
  /** CPU of the client's process, in seconds. */
  readonly cpuSeconds: number;
  /** The largest resident set that the client's process ever had, in bytes. */
  readonly peakRssBytes: number;
  /** The longest time for which the event loop was held up, in milliseconds. */
  readonly longestStallMs: number;
}
