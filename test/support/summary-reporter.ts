import { writeFileSync } from "node:fs";
import type { Reporter, SerializedError, TestCase, TestModule, Vitest } from "vitest/node";
import type {} from "./ways.ts";

/**
 * Ends a run with the daemons used, what was not exercised on them and why, and a line of counts. A test says why with
 * `context.skip("the daemon lacks …")`. Where `TEST_COUNTS` names a file, the counts are written there too.
 */
export default class SummaryReporter implements Reporter {
  #vitest: Vitest | undefined;

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
  }

  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const count = (state: string) => tests.filter((test) => test.result().state === state).length;
    const skipped = tests.filter((test) => test.result().state === "skipped");
    const counts = {
      passed: count("passed"),
      failed: count("failed") + failedOutsideTests(modules) + errors.length,
      skipped: skipped.length,
    };
    const lines = [...this.#daemons(), ...notExercised(skipped), ""];
    for (const line of lines) console.log(line);
    const suffix = counts.skipped > 0 ? `, ${counts.skipped} skipped` : "";
    console.log(`${counts.passed} passed, ${counts.failed} failed${suffix}`);
    const file = process.env["TEST_COUNTS"];
    if (file !== undefined) writeFileSync(file, JSON.stringify(counts));
  }

  #daemons(): string[] {
    const provided =
      this.#vitest?.projects.flatMap((project) => project.getProvidedContext().daemons ?? []) ?? [];
    if (provided.length === 0) return [];
    return ["", "Daemons:", ...provided.map(({ name, versions }) => `  ${name}: ${versions}`)];
  }
}

/** Modules and suites that failed by themselves, in a hook or on import. */
function failedOutsideTests(modules: readonly TestModule[]): number {
  const suites = modules.flatMap((module) => [module, ...module.children.allSuites()]);
  return suites.filter((suite) => suite.errors().length > 0).length;
}

function notExercised(skipped: readonly TestCase[]): string[] {
  if (skipped.length === 0) return [];
  const lines = skipped.map((test) => {
    const result = test.result();
    const note = result.state === "skipped" ? result.note : undefined;
    return `  ${test.fullName}${note === undefined ? "" : `: ${note}`}`;
  });
  return ["", "Not exercised:", ...lines.sort()];
}
