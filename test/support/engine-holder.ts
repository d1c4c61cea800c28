// A program that starts an engine, prints its directory, and waits to be killed.
import { startEngine } from "./engines.ts";

const engine = await startEngine("testing");
console.log(engine.directory);
setInterval(() => {}, 1000);
