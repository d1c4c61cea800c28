import { connect } from "@buildkit-node/control";
import { UnsupportedError } from "@buildkit-node/core";

/** What a daemon says of its version and of where it keeps images, in a line. Fails when it does not answer. */
export async function describeDaemon(address: string): Promise<string> {
  await using client = await connect(address);
  const workers = await client.listWorkers();
  const version = await client.info().then(
    (info) => info.version,
    (error: unknown) => {
      if (error instanceof UnsupportedError) return "not told";
      throw error;
    },
  );
  const stores = workers.map(
    ({ labels }) => labels["org.mobyproject.buildkit.worker.snapshotter"] ?? "graph driver",
  );
  return `version ${version}, store ${stores.join(", ")}`;
}
