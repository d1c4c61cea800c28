// A program that starts an engine, tells its parent where it is, and waits to be killed.
import { startEngine } from "../../scripts/debian/engines.ts";

const engine = await startEngine("testing");
process.on("disconnect", () => process.exit());
process.send?.(engine.directory);
