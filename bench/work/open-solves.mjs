// Cached solves on an open connection, in turn with the same by `node:http2` alone. Argument: the daemon's address. Prints the
// seconds of each. Runs on the built packages.
import { connect, llb } from "buildkit-node";
import { openRaw, rawBuild } from "./raw-build.mjs";

const warmUps = 40;
const rounds = 200;

const [address] = process.argv.slice(2);
const definition = llb.marshal(llb.scratch().file(llb.mkfile("/file", "bench")), { platform: "linux/amd64" });
const bytes = definition.toBytes();
const client = await connect(address);
const session = openRaw(address);
const sides = {
  ours: () => client.solve(definition),
  theirs: () => rawBuild(session, bytes),
};
const times = { ours: [], theirs: [] };
for (let round = -warmUps; round < rounds; round++) {
  const order = round % 2 === 0 ? ["ours", "theirs"] : ["theirs", "ours"];
  for (const side of order) {
    const started = performance.now();
    await sides[side]();
    if (round >= 0) times[side].push((performance.now() - started) / 1000);
  }
}
session.destroy();
await client.close();
console.log(JSON.stringify(times));
