import { rm } from "node:fs/promises";
import type { ExportAnswer, ExportContext, PreparedExport } from "@buildkit-node/exporters";
import type { Descriptor } from "@buildkit-node/oci";
import { type ContentStore, type ExportSink, ociLayoutStore, stagingStore } from "@buildkit-node/session";
import { randomId } from "@buildkit-node/transport/internal";
import type { Exporters } from "./solve-options.ts";
import type { TypedAttrs } from "./solve-request.ts";
import type { SolveResult } from "./solve-result.ts";

/** A build's exporters, ready. Exactly one of `finish` and `discard` is called in the end. */
export interface ExportSet<E extends Exporters> {
  /** What the daemon is asked for, in order. */
  readonly requests: readonly TypedAttrs[];
  /** Who takes what the daemon sends, by the place in `requests`. */
  readonly sinks: ReadonlyMap<number, ExportSink>;
  /** Who takes the blobs of images that are not sent as archives. */
  readonly store?: ContentStore;
  /** The build has succeeded. */
  finish(answer: SolveAnswer): Promise<SolveResult<E>["exports"]>;
  /** The build has failed. What an exporter cannot clear away does not hide why. */
  discard(): Promise<void>;
}

/** What the daemon has said, and what it can be asked. */
export interface SolveAnswer {
  readonly response: Readonly<Record<string, string>>;
  /** What the history has as the result of the exporter at a place. */
  recorded(place: number): Promise<Descriptor | undefined>;
  readonly read: ExportAnswer["read"];
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
  const requested = prepared.flatMap((one) =>
    one.request === undefined ? [] : [{ ...one, request: one.request }],
  );
  const sinks = requested.flatMap(({ sink }, place) => (sink === undefined ? [] : [[place, sink] as const]));
  const blobs = blobStore(requested);
  return {
    requests: requested.map(({ request }) => request),
    sinks: new Map(sinks),
    ...(blobs && { store: blobs.store }),
    finish: async (answer) => {
      try {
        return await finishAll<E>(prepared, answer, blobs?.staged);
      } finally {
        await blobs?.remove();
      }
    },
    discard: async () => {
      await discard();
      await blobs?.remove();
    },
  };
}

/** When one cannot be finished, those after it are discarded. */
async function finishAll<E extends Exporters>(
  prepared: readonly PreparedExport<unknown>[],
  answer: SolveAnswer,
  staged: ContentStore | undefined,
): Promise<SolveResult<E>["exports"]> {
  const requested = prepared.filter(({ request }) => request !== undefined);
  const answering = requested.filter(({ answers }) => answers === true);
  const results: unknown[] = [];
  const left = [...prepared];
  try {
    for (let one = left.shift(); one !== undefined; one = left.shift()) {
      const place = requested.indexOf(one);
      const standing = answering.length < 2 ? "alone" : one === answering.at(-1) ? "last" : "overwritten";
      results.push(
        await one.finish({
          response: answer.response,
          standing,
          recorded: () => answer.recorded(place),
          read: answer.read,
          ...(staged && { staged }),
        }),
      );
    }
  } catch (error) {
    await Promise.allSettled(left.map((one) => one.discard()));
    throw error;
  }
  return results as SolveResult<E>["exports"];
}

interface BlobStore {
  readonly store: ContentStore;
  /** There when the exporters share it. */
  readonly staged?: ContentStore;
  remove(): Promise<void>;
}

/** A daemon knows one store for all exporters of a build: several directories have one beside the first in common. */
function blobStore(requested: readonly PreparedExport<unknown>[]): BlobStore | undefined {
  const layouts = requested.flatMap(({ layout }) => (layout === undefined ? [] : [layout]));
  const [first] = layouts;
  if (first === undefined) return undefined;
  if (layouts.length === 1) return { store: first.store, remove: async () => {} };
  const dir = `${first.dir}.staging-${randomId()}`;
  const staged = stagingStore(
    ociLayoutStore(dir),
    layouts.map(({ store }) => store),
  );
  return { store: staged, staged, remove: () => rm(dir, { recursive: true, force: true }) };
}
