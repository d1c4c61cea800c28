import { create } from "@bufbuild/protobuf";
import {
  Exporter,
  FinalizeExportResponseSchema,
  FindExportersResponseSchema,
} from "@buildkit-node/proto/exporter";
import { type Metadata, unary } from "@buildkit-node/transport";
import type { Attachable } from "../attachable.ts";

/** What a build has brought about, before it is exported. */
export interface BuildOutcome {
  /** Metadata of the result, such as `containerimage.config`. */
  readonly metadata: Readonly<Record<string, Uint8Array>>;
  /** The keys of its references: platforms such as `linux/arm64`. */
  readonly refs: readonly string[];
}

/** An exporter as daemons know it. */
export interface ExporterEntry {
  /** Such as `image`, `oci`, `tar`. */
  readonly type: string;
  readonly attrs: Readonly<Record<string, string>>;
}

/** Chooses exporters when the result is known. */
export interface SessionExporters {
  /** Answers the exporters to run in addition to those of the request; their ids go on where those end. */
  find(outcome: BuildOutcome, options: { readonly signal: AbortSignal }): Promise<readonly ExporterEntry[]>;
  /** Told what the exporters answered, once they all have. Daemons do so since 0.32. */
  finalize?(
    response: Readonly<Record<string, string>>,
    options: { readonly signal: AbortSignal },
  ): Promise<void>;
}

/**
 * Lets a session choose exporters, for builds that are requested so. Daemons ask since 0.21.
 *
 * @param exporters those of the session's one build; or, in a session of several, finds those of the build that a call is for
 */
export function exporterService(
  exporters: SessionExporters | ((metadata: Metadata) => SessionExporters),
): Attachable {
  const { method } = Exporter;
  const chooser = typeof exporters === "function" ? exporters : () => exporters;
  return {
    methods: new Map([
      unary(method.findExporters, async ({ metadata, refs }, { metadata: headers, signal }) => {
        const found = await chooser(headers).find({ metadata, refs }, { signal });
        const entries = found.map(({ type, attrs }) => ({ Type: type, Attrs: { ...attrs } }));
        return create(FindExportersResponseSchema, { exporters: entries });
      }),
      unary(method.finalizeExport, async ({ exporterResponse }, { metadata, signal }) => {
        await chooser(metadata).finalize?.(exporterResponse, { signal });
        return create(FinalizeExportResponseSchema);
      }),
    ]),
  };
}
