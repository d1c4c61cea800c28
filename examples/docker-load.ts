// Builds a directory straight into a Docker Engine, here or elsewhere: docker-load.ts [--engine ADDRESS] --tag TAG [CONTEXT]
// An engine is unix:///var/run/docker.sock, ssh://build@host, or what else docs/connections.md lists.
import { parseArgs } from "node:util";
import { connect, display, dockerLoad } from "buildkit-node";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { engine: { type: "string" }, tag: { type: "string", multiple: true, default: [] } },
});

await using client = await connect();
const { exports } = await client.solveDockerfile({
  context: positionals[0] ?? ".",
  exports: [dockerLoad({ tags: values.tag, ...(values.engine !== undefined && { engine: values.engine }) })],
  progress: display("auto"),
});
const [{ how, digest, sentBytes }] = exports;
console.log(`${values.tag.join(", ")}: ${digest} (${how}, ${sentBytes} bytes sent)`);
