// One build of a Dockerfile with its progress drawn, in a process of its own. Runs on the built packages.
import { parseArgs } from "node:util";
import { connect, display } from "buildkit-node";

const { values } = parseArgs({
  options: {
    address: { type: "string" },
    context: { type: "string" },
    dockerfile: { type: "string" },
    mode: { type: "string" },
  },
});

// Node 20 knows no `await using`, and this file is not compiled.
const client = await connect(values.address);
try {
  await client.solveDockerfile({
    context: values.context,
    dockerfile: values.dockerfile,
    noCache: true,
    progress: display(values.mode),
  });
} finally {
  await client.close();
}
