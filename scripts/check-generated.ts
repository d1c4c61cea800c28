// Fails when packages/proto/src/gen is not what the sources in proto/ generate. Works on a copy in a temporary
// directory, so that the work tree stays as it is.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const GENERATED = "packages/proto/src/gen";
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");

const fresh = mkdtempSync(path.join(tmpdir(), "buildkit-node-generated-"));
try {
  run("buf", ["generate", "--output", fresh]);
  report(differences(path.join(root, GENERATED), path.join(fresh, GENERATED)));
} finally {
  rmSync(fresh, { recursive: true, force: true });
}

function run(command: string, args: readonly string[]): void {
  const { error, status, signal } = spawnSync(command, args, { cwd: root, stdio: "inherit" });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed (${signal ?? status})`);
}

/** One line for each file that the two directories do not have alike. */
function differences(committed: string, expected: string): string[] {
  const files = new Set([...filesBelow(committed), ...filesBelow(expected)]);
  return [...files].sort().flatMap((file) => {
    const before = contentOf(path.join(committed, file));
    const after = contentOf(path.join(expected, file));
    if (before === after) return [];
    if (before === undefined) return [`missing: ${file}`];
    return after === undefined ? [`left over: ${file}`] : [`stale: ${file}`];
  });
}

function filesBelow(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(directory, path.join(entry.parentPath, entry.name)));
}

function contentOf(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, "utf8") : undefined;
}

function report(lines: readonly string[]): void {
  if (lines.length === 0) {
    console.log(`${GENERATED} is up to date`);
    return;
  }
  console.error(`${GENERATED} does not match the sources in proto/:\n  ${lines.join("\n  ")}`);
  console.error("Run `pnpm run generate` and commit the result.");
  process.exitCode = 1;
}
