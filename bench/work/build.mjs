// One whole build of a Dockerfile in a process of its own, as a user's build script does it. Runs on the built packages.
import { parseArgs } from "node:util";
import { connect, local, oci, tar } from "buildkit-node";

const { values } = parseArgs({
  options: {
    address: { type: "string" },
    context: { type: "string" },
    dockerfile: { type: "string" },
    type: { type: "string" },
    dest: { type: "string" },
    named: { type: "string", multiple: true, default: [] },
  },
});

const exporters = { local, oci, tar };
const exporter = exporters[values.type];

// Node 20 knows no `await using`, and this file is not compiled.
const client = await connect(values.address);
try {
  await client.solveDockerfile({
    context: values.context,
    dockerfile: values.dockerfile,
    contexts: Object.fromEntries(values.named.map((one) => one.split(/=(.*)/s, 2))),
    exports: exporter === undefined ? [] : [exporter({ dest: values.dest })],
  });
} finally {
  await client.close();
}
