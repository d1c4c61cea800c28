import { create, toBinary } from "@bufbuild/protobuf";
import { EmptySchema, timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  Content,
  type Info,
  InfoResponseSchema,
  InfoSchema,
  ListContentResponseSchema,
  ListStatusesResponseSchema,
  type Status,
  StatusResponseSchema,
  StatusSchema,
} from "@buildkit-node/proto/content";
import {
  CallError,
  type CallHandler,
  type Metadata,
  methodPath,
  type ServerCall,
  StatusCode,
  unary,
} from "@buildkit-node/transport";
import type { Attachable } from "../attachable.ts";
import { ContentError } from "./content-error.ts";
import { withContentStatus } from "./content-status.ts";
import type { ContentInfo, ContentStore, IngestStatus } from "./content-store.ts";
import { serveRead } from "./serve-read.ts";
import { serveWrite } from "./serve-write.ts";

/** The request metadata that says which store a call is for. */
const storeIdKey = "buildkit-attachable-store-id";

/** Infos in one message of a list. */
const listBlock = 100;

/** Finds the store that a daemon's call is for; `undefined` where there is none. */
export type FindContentStore = (id: string, metadata: Metadata) => ContentStore | undefined;

/**
 * Serves content stores to a daemon, by their ids: `export` for `oci` and `docker` exports that are not a tar, `local:<dir>`
 * for local caches, `oci:<id>` for OCI layouts as sources. Stores keep no labels, and lists cannot be filtered.
 *
 * @param others serves the stores that are not among these
 */
export function contentService(
  stores: ReadonlyMap<string, ContentStore> | FindContentStore,
  others?: Attachable | undefined,
): Attachable {
  const byId: FindContentStore = typeof stores === "function" ? stores : (id) => stores.get(id);
  const find = (metadata: Metadata) => findStore(byId, metadata);
  const own = [...blobHandlers(find), ...ingestHandlers(find)].map(
    ([path, handler]) => [path, withStatus(handler)] as const,
  );
  const isOwn = ({ metadata }: ServerCall) => byId(metadata.get(storeIdKey) ?? "", metadata) !== undefined;
  const methods = own.map(([path, handler]): Method => {
    const other = others?.methods.get(path);
    return [path, other === undefined ? handler : (call) => (isOwn(call) ? handler(call) : other(call))];
  });
  return { methods: new Map(methods) };
}

type FindStore = (metadata: Metadata) => ContentStore;
type Method = readonly [path: string, handler: CallHandler];

function findStore(byId: FindContentStore, metadata: Metadata): ContentStore {
  const id = metadata.get(storeIdKey);
  if (id === undefined)
    throw new CallError(StatusCode.invalidArgument, `a content call without ${storeIdKey}`);
  const store = byId(id, metadata);
  if (store === undefined) throw new CallError(StatusCode.notFound, `no content store ${JSON.stringify(id)}`);
  return store;
}

function withStatus(handler: CallHandler): CallHandler {
  return (call) =>
    handler(call).catch((error: unknown) => {
      throw withContentStatus(error);
    });
}

function blobHandlers(find: FindStore): readonly Method[] {
  const { method } = Content;
  return [
    unary(method.info, async ({ digest }, { metadata }) => {
      const info = await find(metadata).info(digest);
      return create(InfoResponseSchema, { info: infoMessage(info) });
    }),
    unary(method.update, ({ info }) => {
      throw new ContentError(
        "unsupported",
        info?.digest ?? "",
        "the content store keeps no labels to update",
      );
    }),
    unary(method.delete, async ({ digest }, { metadata }) => {
      await find(metadata).delete(digest);
      return create(EmptySchema);
    }),
    [methodPath(method.list), (call) => serveList(call, find(call.metadata))],
    [methodPath(method.read), (call) => serveRead(call, find(call.metadata))],
  ];
}

function ingestHandlers(find: FindStore): readonly Method[] {
  const { method } = Content;
  return [
    [methodPath(method.write), (call) => serveWrite(call, find(call.metadata))],
    unary(method.status, async ({ ref }, { metadata }) => {
      const status = await find(metadata).status(ref);
      return create(StatusResponseSchema, { status: statusMessage(status) });
    }),
    unary(method.listStatuses, async (_request, { metadata }) => {
      const statuses: Status[] = [];
      for await (const status of find(metadata).listStatuses()) statuses.push(statusMessage(status));
      return create(ListStatusesResponseSchema, { statuses });
    }),
    unary(method.abort, async ({ ref }, { metadata }) => {
      await find(metadata).abort(ref);
      return create(EmptySchema);
    }),
  ];
}

async function serveList(call: ServerCall, store: ContentStore): Promise<void> {
  let block: Info[] = [];
  const send = async () => {
    call.send(toBinary(ListContentResponseSchema, create(ListContentResponseSchema, { info: block })));
    block = [];
    await call.writable();
  };
  for await (const info of store.list()) {
    if (block.push(infoMessage(info)) === listBlock) await send();
  }
  if (block.length > 0) await send();
}

function infoMessage({ digest, sizeBytes, createdAt, updatedAt }: ContentInfo): Info {
  return create(InfoSchema, {
    digest,
    size: BigInt(sizeBytes),
    createdAt: timestampFromDate(createdAt),
    updatedAt: timestampFromDate(updatedAt),
  });
}

function statusMessage({ ref, offsetBytes, totalBytes, startedAt, updatedAt }: IngestStatus): Status {
  return create(StatusSchema, {
    ref,
    offset: BigInt(offsetBytes),
    total: BigInt(totalBytes),
    startedAt: timestampFromDate(startedAt),
    updatedAt: timestampFromDate(updatedAt),
  });
}
