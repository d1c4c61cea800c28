// Builds the site of `app/` and brings it home twice: as a directory and as an image in an OCI tar.
//
//   node main.ts [--out DIR] [--tools DIR]     (--tools: a directory with a static busybox, where no registry is near)
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { connect, display, llb, local, oci } from "buildkit-node";
import { busyboxRoot, helloSite } from "./graph.ts";

const { values } = parseArgs({
  options: { out: { type: "string", default: "out" }, tools: { type: "string" } },
});
const here = path.dirname(fileURLToPath(import.meta.url));
const base = values.tools === undefined ? llb.image("docker.io/library/alpine:3.20") : busyboxRoot();

await mkdir(values.out, { recursive: true });
await using client = await connect();
const started = performance.now();
const result = await client.solve(helloSite(base), {
  locals: {
    app: path.join(here, "app"),
    ...(values.tools === undefined ? {} : { tools: values.tools }),
  },
  exports: [
    local({ dest: path.join(values.out, "site") }),
    oci({ dest: path.join(values.out, "hello.tar"), name: "hello:demo" }),
  ],
  progress: display("plain"),
});
const [, image] = result.exports;
console.log(`image ${image.digest} in ${((performance.now() - started) / 1000).toFixed(1)} s`);
