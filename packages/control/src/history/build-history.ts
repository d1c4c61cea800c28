import {
  BuildkitError,
  InvalidArgumentError,
  type SolveError,
  type StatusUpdate,
  UnsupportedError,
} from "@buildkit-node/core";
import { BuildHistoryEventType, Control } from "@buildkit-node/proto/control";
import { type Connection, type Link, StatusError, scopedStream } from "@buildkit-node/transport";
import { createClient } from "@connectrpc/connect";
import { recordedError } from "../errors/external-error.ts";
import { solveError } from "../errors/solve-failure.ts";
import { StepLog } from "../solve/step-log.ts";
import { watchStatus } from "../status/watch-status.ts";
import { type BuildFilter, recordTest } from "./build-filter.ts";
import { type Blob, type BuildRecord, recordFromProto } from "./build-record.ts";
import { readBlob } from "./read-blob.ts";
import { parseSpans, type Span } from "./trace.ts";

export interface ListBuildsOptions {
  /** Builds that run and no others. Default: false. */
  readonly running?: boolean;
  /** Builds that meet one of these: as conditions, or as texts in BuildKit's words. Default: all. */
  readonly filters?: readonly (BuildFilter | string)[];
  readonly signal?: AbortSignal;
}

interface CallOptions {
  readonly signal?: AbortSignal;
}

/** Something that happened to a record. */
export interface BuildRecordEvent {
  readonly kind: "started" | "completed" | "deleted";
  readonly record: BuildRecord;
}

/** How a result came about. */
export interface Provenance {
  /** `https://slsa.dev/provenance/v0.2`, or `v1` from BuildKit 0.30 on. */
  readonly predicateType: string;
  readonly predicate: Readonly<Record<string, unknown>>;
}

/** What a daemon remembers of its builds (BuildKit 0.11); internal builds are not among them. */
export class BuildHistory {
  readonly #link: Link;

  /** @internal part of a client */
  constructor(link: Link) {
    this.#link = link;
  }

  /**
   * The builds that run, and then those that are over; with a limit, the newest, newest first.
   *
   * @throws {InvalidArgumentError} for a text that is no filter
   */
  async list(options: ListBuildsOptions & { readonly limit?: number } = {}): Promise<readonly BuildRecord[]> {
    const { limit } = options;
    if (limit !== undefined && !(Number.isInteger(limit) && limit > 0)) {
      throw new InvalidArgumentError(
        "limit",
        limit,
        `limit is ${limit}; it has to be a whole number above 0`,
      );
    }
    const records: BuildRecord[] = [];
    for await (const { record } of this.#listen(options, { EarlyExit: true })) records.push(record);
    if (limit === undefined) return records;
    return records.sort((a, b) => (b.created ?? 0) - (a.created ?? 0)).slice(0, limit);
  }

  /** The same as `list`, and then whatever happens, to builds of any kind, until the loop is left. */
  follow(options: ListBuildsOptions = {}): AsyncGenerator<BuildRecordEvent, void, undefined> {
    return this.#listen(options, { EarlyExit: false });
  }

  /** One build; `undefined` where the daemon has no record of it. */
  async get(ref: string, options: CallOptions = {}): Promise<BuildRecord | undefined> {
    return buildRecord(await this.#link.connection(options.signal), ref, options.signal);
  }

  /**
   * What happened in a build, from its start: of one that runs until its end, of one that is over as the history tells it.
   * Anybody's build can be read so; leaving the loop does not cancel it.
   *
   * @throws {StatusError} `NotFound` after some seconds for a build that the daemon does not know
   */
  async *updates(ref: string, options: CallOptions = {}): AsyncGenerator<StatusUpdate, void, undefined> {
    yield* watchStatus(await this.#link.connection(options.signal), ref, options.signal);
  }

  /**
   * How a build failed, with all that `solve` would have thrown; `undefined` for one that did not fail, or that the
   * daemon has no record of. Before BuildKit 0.15 a record has the text alone, and `detailsMissing` says so.
   */
  async error(ref: string, { signal }: CallOptions = {}): Promise<SolveError | undefined> {
    const connection = await this.#link.connection(signal);
    const recorded = await recordedError(connection, ref, signal);
    if (recorded === undefined) return undefined;
    const steps = new StepLog();
    for await (const update of watchStatus(connection, ref, signal)) steps.add(update);
    return solveError(ref, recorded, steps);
  }

  /**
   * Waits until a build is over, also one that an earlier connection or another client began, and gives its record;
   * `undefined` for a build that the daemon does not know, or no longer: of those that ran when a daemon ended it knows
   * nothing afterwards.
   *
   * @throws {SolveError} when it has failed or was canceled, with all that the record has of that
   */
  async wait(ref: string, options: CallOptions = {}): Promise<BuildRecord | undefined> {
    const known = await this.get(ref, options);
    const record = known?.completed === undefined ? known && (await this.#end(ref, options)) : known;
    const failure = record?.error === undefined ? undefined : await this.error(ref, options);
    if (failure !== undefined) throw failure;
    return record;
  }

  /**
   * The spans that the daemon recorded of a build (BuildKit 0.11), written some seconds after the build's end: see
   * {@link finalize}. `undefined` where there are none (yet).
   */
  async trace(ref: string, options: CallOptions = {}): Promise<readonly Span[] | undefined> {
    const record = await this.get(ref, options);
    if (record?.trace === undefined) return undefined;
    return parseSpans(await this.read(record.trace, options));
  }

  /**
   * The provenance of what a build made, as SLSA has it, for each platform: under an empty name where the build named none.
   * Daemons record it for every build that succeeds.
   */
  async provenance(ref: string, options: CallOptions = {}): Promise<ReadonlyMap<string, Provenance>> {
    const record = await this.get(ref, options);
    const found = new Map<string, Provenance>();
    for (const [platform, { attestations }] of record?.results ?? []) {
      for (const blob of attestations) {
        const predicateType = blob.annotations["in-toto.io/predicate-type"] ?? "";
        if (!predicateType.startsWith("https://slsa.dev/provenance/")) continue;
        found.set(platform, { predicateType, predicate: parsed(blob, await this.read(blob, options)) });
      }
    }
    return found;
  }

  /** Reads what a record points at: its trace, a statement, an image's manifest. */
  async read(blob: Blob, options: CallOptions = {}): Promise<Uint8Array> {
    return readBlob(await this.#link.connection(options.signal), blob, options.signal);
  }

  /** Keeps a record from being collected, or no longer. */
  pin(ref: string, pinned = true, options: CallOptions = {}): Promise<void> {
    return this.#update({ Ref: ref, Pinned: pinned }, options);
  }

  /** Forgets a build. */
  delete(ref: string, options: CallOptions = {}): Promise<void> {
    return this.#update({ Ref: ref, Delete: true }, options);
  }

  /** Has the trace of a build written now, in place of some seconds after its end (BuildKit 0.15). */
  finalize(ref: string, options: CallOptions = {}): Promise<void> {
    return this.#update({ Ref: ref, Finalize: true }, options);
  }

  /** The record of a build that runs, once it is over. */
  async #end(ref: string, { signal }: CallOptions): Promise<BuildRecord | undefined> {
    const connection = await this.#link.connection(signal);
    for await (const { kind, record } of records(connection, { EarlyExit: false, Ref: ref }, signal)) {
      if (record.ref === ref && kind === "completed") return record;
      if (record.ref === ref && kind === "deleted") return undefined;
    }
    return undefined;
  }

  async *#listen(
    options: ListBuildsOptions,
    request: { readonly EarlyExit: boolean },
  ): AsyncGenerator<BuildRecordEvent, void, undefined> {
    const { running = false, filters = [], signal } = options;
    const isWanted = recordTest(filters);
    const connection = await this.#link.connection(signal);
    for await (const event of records(connection, { ...request, ActiveOnly: running }, signal)) {
      if (isWanted(event.record)) yield event;
    }
  }

  async #update(
    request: {
      readonly Ref: string;
      readonly Pinned?: boolean;
      readonly Delete?: boolean;
      readonly Finalize?: boolean;
    },
    { signal }: CallOptions,
  ): Promise<void> {
    const { rpc } = await this.#link.connection(signal);
    const updating = createClient(Control, rpc).updateBuildHistory(request, signal ? { signal } : {});
    await updating.catch((error: unknown) => {
      throw explained(error);
    });
  }
}

function parsed(blob: Blob, bytes: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as Readonly<Record<string, unknown>>;
  } catch (cause) {
    throw new BuildkitError("ERR_BUILDKIT_CONTENT", `the daemon's blob ${blob.digest} is not JSON`, {
      cause,
    });
  }
}

/** One build's record; `undefined` where the daemon has none. */
export async function buildRecord(
  connection: Connection,
  ref: string,
  signal?: AbortSignal,
): Promise<BuildRecord | undefined> {
  try {
    for await (const { record } of records(connection, { EarlyExit: true, Ref: ref }, signal)) {
      if (record.ref === ref) return record;
    }
  } catch (error) {
    // A record that was deleted not long ago is an error to the daemon, of no kind in particular.
    if (!(error instanceof StatusError && ["NotFound", "Unknown"].includes(error.status))) throw error;
  }
  return undefined;
}

async function* records(
  connection: Connection,
  request: { readonly EarlyExit: boolean; readonly Ref?: string; readonly ActiveOnly?: boolean },
  signal: AbortSignal | undefined,
): AsyncGenerator<BuildRecordEvent, void, undefined> {
  const control = createClient(Control, connection.rpc);
  const events = scopedStream((scope) => control.listenBuildHistory(request, { signal: scope }), signal);
  try {
    for await (const { type, record } of events) {
      if (record) yield { kind: kindOf(type), record: recordFromProto(record) };
    }
  } catch (error) {
    throw explained(error);
  }
}

function explained(error: unknown): unknown {
  if (!(error instanceof StatusError && error.status === "Unimplemented")) return error;
  const message = "the daemon keeps no history of builds: that needs BuildKit 0.11";
  return new UnsupportedError("Control.ListenBuildHistory", message, { cause: error });
}

function kindOf(type: BuildHistoryEventType): BuildRecordEvent["kind"] {
  if (type === BuildHistoryEventType.STARTED) return "started";
  return type === BuildHistoryEventType.DELETED ? "deleted" : "completed";
}
