// One whole build of a Dockerfile in a process of its own, as a user's build script does it. Runs on the built packages.
import { parseArgs } from "node:util";
import { connect, dockerLoad, local, oci, tar } from "buildkit-node";

const { values } = parseArgs({
  options: {
    address: { type: "string" },
    context: { type: "string" },
    dockerfile: { type: "string" },
    solve: { type: "string", default: "{}" },
    named: { type: "string", multiple: true, default: [] },
  },
});

const exporters = { dockerLoad, local, oci, tar };
const { exports = [], ...caches } = JSON.parse(values.solve);

// Node 20 knows no `await using`, and this file is not compiled.
const client = await connect(values.address);
try {
  await client.solveDockerfile({
    context: values.context,
    dockerfile: values.dockerfile,
    contexts: Object.fromEntries(values.named.map((one) => one.split(/=(.*)/s, 2))),
    exports: exports.map(([name, options]) => exporters[name](options)),
    ...caches,
  });
} finally {
  await client.close();
}
