// 500 processes in 20 containers of one build, spoken to in turn: does each say what it should, and end as it should?
// BUILDKIT_HOST or a private engine is used.
import { parseArgs } from "node:util";
import { Scope } from "@buildkit-node/core";
import { connect } from "buildkit-node";
import { startEngine } from "../../scripts/debian/engines.ts";
import { runManyProcesses } from "../support/many-processes.ts";

const { values } = parseArgs({
  options: {
    containers: { type: "string", default: "20" },
    "per-container": { type: "string", default: "25" },
  },
});
await using scope = new Scope();
const given = process.env["BUILDKIT_HOST"] ?? "";
const address = given === "" ? scope.use(await startEngine("testing")).address : given;
const client = scope.use(await connect(address));
const started = performance.now();
const ended = await runManyProcesses(client, {
  containers: Number(values.containers),
  perContainer: Number(values["per-container"]),
});
console.log(
  `${ended} processes ended as they should, in ${((performance.now() - started) / 1000).toFixed(1)} s`,
);
