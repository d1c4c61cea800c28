// `npm test` on a fresh machine: set-up first, then everything that must hold. Every step runs even when an earlier one
// failed; the last line counts the tests, and each step that is not made of tests as one.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { bootstrap, pnpm, root } from "./bootstrap.mjs";

const steps = ["generated", "types", "lint", "docs", "unit", "packages", "integration", "basics"];

bootstrap();

const temporary = mkdtempSync(path.join(os.tmpdir(), "buildkit-node-test-"));
const results = steps.map(runStep);
rmSync(temporary, { recursive: true });

console.log("");
for (const { step, ok, seconds } of results) {
  console.log(`${ok ? "ok    " : "FAILED"} ${step} (${seconds.toFixed(1)} s)`);
}
const total = (kind) => results.reduce((sum, { counts }) => sum + counts[kind], 0);
const skipped = total("skipped") > 0 ? `, ${total("skipped")} skipped` : "";
process.exitCode = results.every(({ ok }) => ok) ? 0 : 1;
console.log(`${total("passed")} passed, ${total("failed")} failed${skipped}`);

function runStep(step) {
  console.log(`\n== ${step}`);
  const started = performance.now();
  const countsFile = path.join(temporary, `${step}.json`);
  const env = { ...process.env, TEST_COUNTS: countsFile };
  const { status, error } = spawnSync(pnpm, ["run", step], { cwd: root, stdio: "inherit", env });
  if (error) console.error(error.message);
  const ok = status === 0;
  return { step, ok, counts: countsOf(countsFile, ok), seconds: (performance.now() - started) / 1000 };
}

/** What a step's test runner counted; a step without one, and a failure outside of the tests, counts as one. */
function countsOf(file, ok) {
  let counts;
  try {
    counts = JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 };
  }
  return ok || counts.failed > 0 ? counts : { ...counts, failed: 1 };
}
