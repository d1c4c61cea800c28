/*
 * Runs a file of conformance vectors: `npm run conformance -- [FILE]`. Prints a line for each vector that fails, and last
 * how many there are of each kind; exits with 1 if one failed.
 */
import { readFile } from "node:fs/promises";
import { checkVector, type Vector } from "./vectors.ts";

const file = process.argv[2] ?? new URL("./llb.json", import.meta.url);
const vectors = JSON.parse(await readFile(file, "utf8")) as readonly Vector[];
const counts = { identical: 0, exempt: 0, failed: 0 };
for (const vector of vectors) {
  const outcome = await checkVector(vector);
  counts[outcome.kind] += 1;
  if (outcome.kind === "failed") {
    console.log(`${vector.name}: ${outcome.reason.split("\n").join(" | ")}`);
  }
}
console.log(
  `vectors: ${vectors.length}, identical: ${counts.identical}, exempt: ${counts.exempt}, failed: ${counts.failed}`,
);
process.exitCode = counts.failed > 0 ? 1 : 0;
