// One measurement in a process of its own: main.ts SCENARIO PLACE; prints the result as JSON.
import { runNullPeer } from "./run.ts";

const [scenario = "", place = ""] = process.argv.slice(2);
console.log(JSON.stringify(await runNullPeer(JSON.parse(scenario), place)));
