// Fetches sets of Debian packages into the clone's cache: those that are named, else the engines that the tests use.
import { provideSets } from "./debian/provide.ts";
import { packageSets, type SetName } from "./debian/sets.ts";

const named = process.argv.slice(2);
const unknown = named.filter((name) => !(name in packageSets));
if (unknown.length > 0) {
  console.error(`there is no ${unknown.join(", ")}; there are ${Object.keys(packageSets).join(", ")}`);
  process.exit(2);
}
const names: readonly SetName[] =
  named.length > 0 ? (named as SetName[]) : ["engine-testing", "engine-stable", "runtime", "busybox"];
const sets = await provideSets(...names);
for (const name of names) console.log(`${name}: ${sets[name].packages.join(", ")}`);
