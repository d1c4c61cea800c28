import { Control } from "@buildkit-node/proto/control";
import { createDialer, openConnection, parseAddress, StatusError } from "@buildkit-node/transport";
import { createClient } from "@connectrpc/connect";

/** What a daemon says of its version and of where it keeps images, in a line. Fails when it does not answer. */
export async function describeDaemon(address: string): Promise<string> {
  const signal = AbortSignal.timeout(30_000);
  await using connection = await openConnection(createDialer(parseAddress(address)), { signal });
  const client = createClient(Control, connection.rpc);
  const { record: workers } = await client.listWorkers({}, { signal });
  const version = await client.info({}, { signal }).then(
    (info) => info.buildkitVersion?.version ?? "not told",
    (error: unknown) => {
      if (error instanceof StatusError && error.status === "Unimplemented") return "not told";
      throw error;
    },
  );
  const stores = workers.map(
    ({ Labels }) => Labels["org.mobyproject.buildkit.worker.snapshotter"] ?? "graph driver",
  );
  return `version ${version}, store ${stores.join(", ")}`;
}
