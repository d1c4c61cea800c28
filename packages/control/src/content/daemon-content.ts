import { timestampMs } from "@bufbuild/protobuf/wkt";
import { InvalidArgumentError, type Timestamp, UnsupportedError } from "@buildkit-node/core";
import { Content, type Info } from "@buildkit-node/proto/content";
import { type Link, StatusError, scopedStream } from "@buildkit-node/transport";
import { createClient } from "@connectrpc/connect";

/** What the daemon's content store knows of a blob. */
export interface ContentRecord {
  readonly digest: string;
  readonly sizeBytes: number;
  readonly created?: Timestamp;
  readonly updated?: Timestamp;
  readonly labels: Readonly<Record<string, string>>;
}

/** A part of a blob; both default to all of it. */
export interface ContentRange {
  readonly offsetBytes?: number;
  /** At least 1. */
  readonly lengthBytes?: number;
  readonly signal?: AbortSignal;
}

export interface ListContentOptions {
  /** In containerd's words, such as `labels."containerd.io/distribution.source.docker.io"==library/alpine`; several are alternatives. */
  readonly filters?: readonly string[];
  readonly signal?: AbortSignal;
}

/**
 * The daemon's content store, for reading: manifests and layers of images, and what records of the history point at
 * (BuildKit 0.11). Whoever reaches the daemon may read all of it.
 */
export class DaemonContent {
  readonly #link: Link;

  /** @internal part of a client */
  constructor(link: Link) {
    this.#link = link;
  }

  /**
   * Tells about a blob; `undefined` where the daemon does not have it.
   *
   * @throws {UnsupportedError} by a daemon before BuildKit 0.11
   */
  async info(
    digest: string,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<ContentRecord | undefined> {
    const { rpc } = await this.#link.connection(signal);
    try {
      const { info } = await createClient(Content, rpc).info({ digest }, signal ? { signal } : {});
      return info && recordFromProto(info);
    } catch (error) {
      if (error instanceof StatusError && error.status === "NotFound") return undefined;
      throw explained(error);
    }
  }

  /**
   * Reads a blob in pieces, as the daemon sends them: nobody has held them against the digest.
   *
   * @throws {StatusError} `NotFound` for a blob that the daemon does not have
   * @throws {UnsupportedError} by a daemon before BuildKit 0.11
   */
  async *read(digest: string, range: ContentRange = {}): AsyncGenerator<Uint8Array, void, undefined> {
    const { offsetBytes = 0, lengthBytes, signal } = range;
    const request = {
      digest,
      offset: whole("offsetBytes", offsetBytes, 0),
      size: lengthBytes === undefined ? 0n : whole("lengthBytes", lengthBytes, 1),
    };
    const { rpc } = await this.#link.connection(signal);
    const pieces = scopedStream(
      (scope) => createClient(Content, rpc).read(request, { signal: scope }),
      signal,
    );
    try {
      for await (const { data } of pieces) yield data;
    } catch (error) {
      throw explained(error);
    }
  }

  /**
   * All blobs, or those that one of the filters matches.
   *
   * @throws {UnsupportedError} by a daemon before BuildKit 0.11
   */
  async *list({
    filters = [],
    signal,
  }: ListContentOptions = {}): AsyncGenerator<ContentRecord, void, undefined> {
    const { rpc } = await this.#link.connection(signal);
    const request = { filters: [...filters] };
    const batches = scopedStream(
      (scope) => createClient(Content, rpc).list(request, { signal: scope }),
      signal,
    );
    try {
      for await (const { info } of batches) for (const one of info) yield recordFromProto(one);
    } catch (error) {
      throw explained(error);
    }
  }
}

function recordFromProto({ digest, size, createdAt, updatedAt, labels }: Info): ContentRecord {
  return {
    digest,
    sizeBytes: Number(size),
    ...(createdAt && { created: timestampMs(createdAt) }),
    ...(updatedAt && { updated: timestampMs(updatedAt) }),
    labels,
  };
}

function whole(name: string, value: number, least: number): bigint {
  if (Number.isSafeInteger(value) && value >= least) return BigInt(value);
  throw new InvalidArgumentError(
    name,
    value,
    `${name} is ${value}; it has to be a whole number from ${least} on`,
  );
}

function explained(error: unknown): unknown {
  if (!(error instanceof StatusError && error.status === "Unimplemented")) return error;
  const message = "the daemon does not give out what its content store has: that needs BuildKit 0.11";
  return new UnsupportedError("containerd.services.content.v1.Content", message, { cause: error });
}
