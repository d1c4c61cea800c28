import { createDialer, openConnection, parseAddress } from "@buildkit-node/transport";

/**
 * Resolves once a daemon has answered at this address.
 *
 * @throws {ConnectError} or the signal's reason
 */
export async function reach(address: string, signal: AbortSignal): Promise<void> {
  const connection = await openConnection(await createDialer(parseAddress(address)), { signal });
  await connection.close();
}
