import { abortable, BuildkitError } from "@buildkit-node/core";
import type { Platform } from "@buildkit-node/oci";
import type { Connection } from "@buildkit-node/transport";
import { listWorkers } from "./workers.ts";

const known = new WeakMap<Connection, Promise<Platform>>();

/** The platform that the daemon builds for when nobody names one: the first of its first worker. Asked for once. */
export function defaultPlatform(connection: Connection, signal?: AbortSignal): Promise<Platform> {
  let asking = known.get(connection);
  if (asking === undefined) {
    asking = firstPlatform(connection);
    known.set(connection, asking);
    asking.catch(() => known.delete(connection));
  }
  return abortable(asking, signal);
}

async function firstPlatform(connection: Connection): Promise<Platform> {
  const [worker] = await listWorkers(connection);
  const [platform] = worker?.platforms ?? [];
  if (platform !== undefined) return platform;
  throw new BuildkitError("ERR_BUILDKIT_PROTOCOL", `the daemon at ${connection.address} names no platform`);
}
