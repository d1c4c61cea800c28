import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { Timestamp } from "@buildkit-node/core";
import type {
  BuildHistoryRecord,
  BuildResultInfo,
  Descriptor as WireDescriptor,
} from "@buildkit-node/proto/control";

/** What the daemon remembers of a build. */
export interface BuildRecord {
  readonly ref: string;
  /** The frontend's name; empty for a graph, and for a build that its client drove. */
  readonly frontend: string;
  readonly frontendAttrs: Readonly<Record<string, string>>;
  /** What the build was to export, in order. */
  readonly exporters: readonly { readonly type: string; readonly attrs: Readonly<Record<string, string>> }[];
  readonly created?: Timestamp;
  /** Absent while the build runs. */
  readonly completed?: Timestamp;
  /** Why it failed, in the daemon's words; `history.error` reads all that came with them. */
  readonly error?: string;
  /** What was made for each platform; under an empty name where the build named none. */
  readonly results: ReadonlyMap<string, RecordedResult>;
  /** Every event of the build's status, in the daemon's own form; `history.updates` reads them. */
  readonly logs?: Blob;
  /** The daemon's spans, some seconds after the build's end; `history.trace` reads them. */
  readonly trace?: Blob;
  /** Such a record is never collected. */
  readonly pinned: boolean;
  /** Counts the changes of the record. */
  readonly generation: number;
  /** BuildKit 0.12. */
  readonly steps: { readonly total: number; readonly cached: number; readonly completed: number };
  /** How many warnings there were (BuildKit 0.16). */
  readonly warnings: number;
}

/** What a build made for one platform. */
export interface RecordedResult {
  /** By the exporter's place among the build's exporters; those that make no image leave none. */
  readonly exports: ReadonlyMap<number, Blob>;
  /**
   * In-toto predicates, each under its type in the annotation `in-toto.io/predicate-type`. Provenance is always among
   * them, also where none was asked for; `history.provenance` reads it.
   */
  readonly attestations: readonly Blob[];
}

/** Something in the daemon's content store; `history.read` reads it. */
export interface Blob {
  readonly mediaType: string;
  readonly digest: string;
  readonly sizeBytes: number;
  readonly annotations: Readonly<Record<string, string>>;
}

export function recordFromProto(record: BuildHistoryRecord): BuildRecord {
  const { CreatedAt, CompletedAt, error, logs, trace } = record;
  return {
    ref: record.Ref,
    frontend: record.Frontend,
    frontendAttrs: record.FrontendAttrs,
    exporters: record.Exporters.map(({ Type, Attrs }) => ({ type: Type, attrs: Attrs })),
    ...(CreatedAt && { created: timestampMs(CreatedAt) }),
    ...(CompletedAt && { completed: timestampMs(CompletedAt) }),
    ...(error && { error: error.message }),
    results: new Map(resultsOf(record)),
    ...(logs && { logs: blobFromProto(logs) }),
    ...(trace && { trace: blobFromProto(trace) }),
    pinned: record.pinned,
    generation: record.Generation,
    steps: {
      total: record.numTotalSteps,
      cached: record.numCachedSteps,
      completed: record.numCompletedSteps,
    },
    warnings: record.numWarnings,
  };
}

function resultsOf({ Result, Results }: BuildHistoryRecord): (readonly [string, RecordedResult])[] {
  const unnamed = Result === undefined ? [] : [["", resultFromProto(Result)] as const];
  return [
    ...unnamed,
    ...Object.entries(Results).map(([name, info]) => [name, resultFromProto(info)] as const),
  ];
}

function resultFromProto({ ResultDeprecated, Results, Attestations }: BuildResultInfo): RecordedResult {
  const exports = Object.entries(Results).map(
    ([place, blob]) => [Number(place), blobFromProto(blob)] as const,
  );
  // Daemons before BuildKit 0.13 know of one exporter.
  const only = ResultDeprecated === undefined ? [] : [[0, blobFromProto(ResultDeprecated)] as const];
  return {
    exports: new Map(exports.length > 0 ? exports : only),
    attestations: Attestations.map(blobFromProto),
  };
}

export function blobFromProto({ mediaType, digest, size, annotations }: WireDescriptor): Blob {
  return { mediaType, digest, sizeBytes: Number(size), annotations };
}
