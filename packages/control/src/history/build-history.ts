import type { StatusUpdate } from "@buildkit-node/core";
import { BuildHistoryEventType, Control } from "@buildkit-node/proto/control";
import { type Link, StatusError, scopedStream } from "@buildkit-node/transport";
import { createClient } from "@connectrpc/connect";
import { watchStatus } from "../status/watch-status.ts";
import { type BuildFilter, meetsOne } from "./build-filter.ts";
import { type Blob, type BuildRecord, recordFromProto } from "./build-record.ts";
import { readBlob } from "./read-blob.ts";

export interface ListBuildsOptions {
  /** Builds that run and no others. Default: false. */
  readonly running?: boolean;
  /** Builds that meet one of these. Default: all. */
  readonly filters?: readonly BuildFilter[];
  readonly signal?: AbortSignal;
}

/** Something that happened to a record. */
export interface BuildRecordEvent {
  readonly kind: "started" | "completed" | "deleted";
  readonly record: BuildRecord;
}

/** What a daemon remembers of its builds (BuildKit 0.11); internal builds are not among them. */
export class BuildHistory {
  readonly #link: Link;

  /** @internal part of a client */
  constructor(link: Link) {
    this.#link = link;
  }

  /** The builds that run, and then those that are over. */
  async list(options: ListBuildsOptions = {}): Promise<readonly BuildRecord[]> {
    const records: BuildRecord[] = [];
    for await (const { record } of this.#listen(options, { EarlyExit: true })) records.push(record);
    return records;
  }

  /** The same as `list`, and then whatever happens, to builds of any kind, until the loop is left. */
  follow(options: ListBuildsOptions = {}): AsyncGenerator<BuildRecordEvent, void, undefined> {
    return this.#listen(options, { EarlyExit: false });
  }

  /** One build; `undefined` where the daemon has no record of it. */
  async get(ref: string, options: { readonly signal?: AbortSignal } = {}): Promise<BuildRecord | undefined> {
    try {
      for await (const { record } of this.#listen(options, { EarlyExit: true, Ref: ref })) {
        if (record.ref === ref) return record;
      }
    } catch (error) {
      // A record that was deleted not long ago is an error to the daemon, of no kind in particular.
      if (!(error instanceof StatusError && ["NotFound", "Unknown"].includes(error.status))) throw error;
    }
    return undefined;
  }

  /**
   * What happened in a build, from its start: of one that runs until its end, of one that is over as the history tells it.
   * Anybody's build can be read so; leaving the loop does not cancel it.
   *
   * @throws {StatusError} `NotFound` after some seconds for a build that the daemon does not know
   */
  async *updates(
    ref: string,
    options: { readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<StatusUpdate, void, undefined> {
    yield* watchStatus(await this.#link.connection(options.signal), ref, options.signal);
  }

  /** Reads what a record points at: its trace, a statement, an image's manifest. */
  async read(blob: Blob, options: { readonly signal?: AbortSignal } = {}): Promise<Uint8Array> {
    return readBlob(await this.#link.connection(options.signal), blob, options.signal);
  }

  /** Keeps a record from being collected, or no longer. */
  pin(ref: string, pinned = true): Promise<void> {
    return this.#update({ Ref: ref, Pinned: pinned });
  }

  /** Forgets a build. */
  delete(ref: string): Promise<void> {
    return this.#update({ Ref: ref, Delete: true });
  }

  /** Has the trace of a build written now, in place of some seconds after its end (BuildKit 0.15). */
  finalize(ref: string): Promise<void> {
    return this.#update({ Ref: ref, Finalize: true });
  }

  async *#listen(
    options: ListBuildsOptions,
    request: { readonly EarlyExit: boolean; readonly Ref?: string },
  ): AsyncGenerator<BuildRecordEvent, void, undefined> {
    const { running = false, filters = [], signal } = options;
    const connection = await this.#link.connection(signal);
    const control = createClient(Control, connection.rpc);
    const whole = { ...request, ActiveOnly: running };
    const events = scopedStream((scope) => control.listenBuildHistory(whole, { signal: scope }), signal);
    for await (const { type, record: wire } of events) {
      const record = wire && recordFromProto(wire);
      if (record && meetsOne(filters, record)) yield { kind: kindOf(type), record };
    }
  }

  async #update(request: {
    readonly Ref: string;
    readonly Pinned?: boolean;
    readonly Delete?: boolean;
    readonly Finalize?: boolean;
  }): Promise<void> {
    const { rpc } = await this.#link.connection();
    await createClient(Control, rpc).updateBuildHistory(request);
  }
}

function kindOf(type: BuildHistoryEventType): BuildRecordEvent["kind"] {
  if (type === BuildHistoryEventType.STARTED) return "started";
  return type === BuildHistoryEventType.DELETED ? "deleted" : "completed";
}
