// Runs in an empty project in which the packed packages are installed: what a process that solves a cached graph loads and
// asks, which is most of what its user waits for. A daemon's part is played by a server that answers every call with nothing.
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http2";
import path from "node:path";
import { promisify } from "node:util";

const files = `
  buildkit-node/dist/index.js
  @buildkit-node/control/dist/index.js
  @buildkit-node/core/dist/index.js
  @buildkit-node/exporters/dist/index.js
  @buildkit-node/gateway/dist/internal.js
  @buildkit-node/llb/dist/node.js
  @buildkit-node/oci/dist/index.js
  @buildkit-node/progress/dist/display.js
  @buildkit-node/proto/dist/runtime.js
  @buildkit-node/session/dist/index.js
  @buildkit-node/transport/dist/internal.js
`;

const program = `
  import { connect, llb } from "buildkit-node";
  const client = await connect(process.argv[2]);
  await client.solve(llb.scratch().file(llb.mkfile("/file", "text")), { platform: "linux/amd64" });
  await client.close();
  const late = ["internal/deps/undici/undici", "child_process", "http", "stream/web", "tls"];
  console.log(late.filter((name) => process.moduleLoadList.includes("NativeModule " + name)).join(" ") || "none");
`;

const calls = [];
const daemon = createServer();
daemon.on("stream", (stream, headers) => {
  calls.push(path.posix.basename(headers[":path"]));
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.once("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  stream.resume().end(headers[":path"].endsWith("/Solve") ? Buffer.alloc(5) : undefined);
});
const socket = path.resolve("daemon.sock");
await new Promise((resolve) => daemon.listen(socket, resolve));
try {
  await mkdir("coverage");
  await writeFile("solve.mjs", program);
  const env = { ...process.env, NODE_V8_COVERAGE: path.resolve("coverage") };
  const { stdout } = await promisify(execFile)(process.execPath, ["solve.mjs", `unix://${socket}`], { env });
  same("files loaded", await loaded("coverage"), files.trim().split(/\s+/));
  same("calls made", calls.sort(), ["Solve", "Status"]);
  same("modules of Node loaded that take their time", [stdout.trim()], ["none"]);
} finally {
  daemon.close();
}

/** The packages' files that the process has compiled, by V8's own account. */
async function loaded(folder) {
  const [report] = await readdir(folder);
  const { result } = JSON.parse(await readFile(path.join(folder, report), "utf8"));
  const found = result.map(({ url }) => /^file:.*\/node_modules\/(.*)$/.exec(url)?.[1]);
  return found.filter((file) => file !== undefined).map((file) => file.replace(/\/shared\/.*/, "/shared/…"));
}

function same(what, seen, expected) {
  const [is, should] = [seen, expected].map((list) => [...list].sort().join("\n  "));
  if (is === should) return;
  console.error(`${what} by a cold solve:\n  ${is}\nwhere these are expected:\n  ${should}`);
  process.exitCode = 1;
}
