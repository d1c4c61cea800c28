import { abortable } from "@buildkit-node/core";
import type { Capabilities } from "@buildkit-node/gateway";
import type { Connection } from "@buildkit-node/transport";
import { askGateway } from "./ask-gateway.ts";

/** The daemon itself waits up to 3 s for the build that it is asked from. */
const timeoutMs = 15_000;

const asked = new WeakMap<Connection, Promise<Capabilities>>();

/** The capabilities of the daemon behind a connection: asked for once. */
export function capabilitiesOf(connection: Connection, signal?: AbortSignal): Promise<Capabilities> {
  let asking = asked.get(connection);
  if (asking === undefined) {
    asking = askGateway(connection, ({ capabilities }) => capabilities, { timeoutMs });
    asked.set(connection, asking);
    asking.catch(() => asked.delete(connection));
  }
  return abortable(asking, signal);
}
