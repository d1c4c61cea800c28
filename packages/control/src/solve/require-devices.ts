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
  { definition, frontendInputs }: MarshalledInput,
  signal: AbortSignal,
): Promise<void> {
  const graphs = [...(definition === undefined ? [] : [definition]), ...Object.values(frontendInputs)];
  const asks = graphs.some(({ metadata }) =>
    Object.values(metadata).some(({ caps }) => caps[capability] === true),
  );
  if (!asks) return;
  const workers = await listWorkers(connection, { signal });
  if (workers.some(({ devices }) => devices.length > 0)) return;
  throw new UnsupportedError(
    capability,
    `a step asks for a device, and the daemon at ${connection.address} offers none; ` +
      "have its CDI specifications in place and cdi enabled in its configuration",
  );
}
