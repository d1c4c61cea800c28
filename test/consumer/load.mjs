// Runs in an empty project in which the packed packages are installed: each of their entries must load by `import` and
// by `require`, and be the same thing both ways. Arguments: the entries.
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(path.join(process.cwd(), "index.js"));
let failures = 0;

for (const entry of process.argv.slice(2)) {
  try {
    const imported = await import(import.meta.resolve(entry, `file://${process.cwd()}/`));
    const required = require(entry);
    const names = Object.keys(imported);
    const different = names.filter((name) => imported[name] !== required[name]);
    if (different.length > 0) throw new Error(`import and require give a different ${different.join(", ")}`);
    console.log(`${entry}: ${names.length} exports`);
  } catch (error) {
    failures++;
    console.error(`${entry}: ${error instanceof Error ? error.stack : error}`);
  }
}
process.exitCode = failures > 0 ? 1 : 0;
