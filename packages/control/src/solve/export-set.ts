import type { ExportContext, PreparedExport } from "@buildkit-node/exporters";
import type { ExportSink } from "@buildkit-node/session";
import type { Exporters } from "./solve-options.ts";
import type { TypedAttrs } from "./solve-request.ts";
import type { SolveResult } from "./solve-result.ts";

/** A build's exporters, ready. Exactly one of `finish` and `discard` is called in the end. */
export interface ExportSet<E extends Exporters> {
  /** What the daemon is asked for, in order. */
  readonly requests: readonly TypedAttrs[];
  /** Who takes what the daemon sends, by the place in `requests`. */
  readonly sinks: ReadonlyMap<number, ExportSink>;
  /** The build has succeeded. */
  finish(response: Readonly<Record<string, string>>): Promise<SolveResult<E>["exports"]>;
  /** The build has failed. What an exporter cannot clear away does not hide why. */
  discard(): Promise<void>;
}

/**
 * Prepares all exporters; when one cannot be, those before it are discarded.
 *
 * @throws {InvalidArgumentError} {@link DestinationError}
 */
export async function prepareExports<E extends Exporters>(
  exporters: E,
  context: ExportContext,
): Promise<ExportSet<E>> {
  const prepared: PreparedExport<unknown>[] = [];
  const discard = async (): Promise<void> => {
    await Promise.allSettled(prepared.map((one) => one.discard()));
  };
  try {
    for (const exporter of exporters) prepared.push(await exporter.prepare(context));
  } catch (error) {
    await discard();
    throw error;
  }
  const requested = prepared.flatMap(({ request, sink }) =>
    request === undefined ? [] : [{ request, sink }],
  );
  const sinks = requested.flatMap(({ sink }, place) => (sink === undefined ? [] : [[place, sink] as const]));
  return {
    requests: requested.map(({ request }) => request),
    sinks: new Map(sinks),
    finish: async (response) => {
      const results: unknown[] = [];
      for (const one of prepared) results.push(await one.finish(response));
      return results as SolveResult<E>["exports"];
    },
    discard,
  };
}
