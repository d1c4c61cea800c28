/** A moment: milliseconds since 1970-01-01T00:00:00Z, with a fraction (exact to 0.25 µs). */
export type Timestamp = number;

/** Steps that are shown as one line under a common name. */
export interface ProgressGroup {
  readonly id: string;
  readonly name: string;
  /** A group whose members are all weak is hidden until a member that is not weak has started. */
  readonly weak: boolean;
}

/**
 * One step of a build, as known at one moment: the daemon sends a vertex again at each change, and the newest state
 * counts. The same digest may complete and start again (cache lookup, then execution).
 */
export interface Vertex {
  /** The vertex's identity. */
  readonly digest: string;
  /** Digests of the vertices that it depends on. */
  readonly inputs: readonly string[];
  readonly name: string;
  readonly cached: boolean;
  readonly started?: Timestamp;
  readonly completed?: Timestamp;
  /** The failure's text; one that ends with `context canceled` means canceled. */
  readonly error?: string;
  readonly progressGroup?: ProgressGroup;
}

/** A task within a vertex, such as one layer's download; its identity is `vertex` and `id` together. */
export interface VertexStatus {
  readonly id: string;
  readonly vertex: string;
  readonly name: string;
  /** Units done, bytes where the task moves bytes. */
  readonly current: number;
  /** Units in all; 0 when not known. */
  readonly total: number;
  readonly timestamp: Timestamp;
  readonly started?: Timestamp;
  readonly completed?: Timestamp;
}

/** A piece of a step's output: any bytes, not whole lines. */
export interface VertexLog {
  readonly vertex: string;
  readonly stream: "stdout" | "stderr";
  readonly data: Uint8Array;
  readonly timestamp: Timestamp;
}

/** A place in a source file; lines and characters count as the frontend counts them (lines from 1). */
export interface Position {
  readonly line: number;
  readonly character: number;
}

export interface Range {
  readonly start: Position;
  readonly end: Position;
}

/** A source file that a build was made from. */
export interface SourceInfo {
  readonly filename: string;
  readonly language: string;
  readonly data: Uint8Array;
}

/** A warning about a step. */
export interface VertexWarning {
  readonly vertex: string;
  readonly level: number;
  readonly short: string;
  readonly detail: readonly string[];
  readonly url?: string;
  readonly source?: SourceInfo;
  readonly ranges: readonly Range[];
}

/** What the daemon tells at one moment about a running build. */
export interface StatusUpdate {
  readonly vertices: readonly Vertex[];
  readonly statuses: readonly VertexStatus[];
  readonly logs: readonly VertexLog[];
  readonly warnings: readonly VertexWarning[];
}
