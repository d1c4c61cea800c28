// Fetches sets of Debian packages into the clone's cache: those that are named, else what the tests use.
import { provideSets } from "./debian/provide.ts";
import { isSetName, packageSets } from "./debian/sets.ts";

const named = process.argv.slice(2);
const names = named.filter(isSetName);
if (names.length < named.length) {
  console.error(`the sets are ${Object.keys(packageSets).join(", ")}`);
  process.exit(2);
}
const sets = await provideSets(
  ...(names.length > 0 ? names : (["engine-testing", "engine-stable", "runtime"] as const)),
);
for (const [name, { packages }] of Object.entries(sets)) console.log(`${name}: ${packages.join(", ")}`);
