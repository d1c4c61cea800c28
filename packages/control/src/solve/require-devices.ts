import { UnsupportedError } from "@buildkit-node/core";
import type { Connection } from "@buildkit-node/transport";
import { listWorkers } from "../workers.ts";
import type { MarshalledInput } from "./marshal-input.ts";

const capability = "exec.meta.cdi";

/**
 * Refuses a graph with devices, optional ones too, on a daemon that offers none: with CDI switched off, such a graph ends
 * the daemon itself (seen with BuildKit 0.32.2). The daemon is asked only about graphs that have one.
 *
 * @throws {UnsupportedError}
 */
export async function requireDevices(
  connection: Connection,
  { graphs }: MarshalledInput,
  signal: AbortSignal,
): Promise<void> {
  if (!graphs.some(({ caps }) => caps.has(capability))) return;
  const workers = await listWorkers(connection, { signal });
  if (workers.some(({ devices }) => devices.length > 0)) return;
  throw new UnsupportedError(
    capability,
    `a step asks for a device, and the daemon at ${connection.address} offers none; ` +
      "have its CDI specifications in place and cdi enabled in its configuration",
  );
}
