// Makes a fresh clone ready to run: pnpm in the clone's own cache, then the workspace's dependencies.
// `bootstrap.mjs COMMAND ARGS...` then runs a command with the workspace's tools on its PATH.
// Uses Node's own modules only, as nothing else is installed yet.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const PNPM_VERSION = "12.21.0";

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const cache = path.join(root, ".cache");
/** What a script prints is its own: the set-up speaks beside it. */
const onStderr = ["inherit", 2, 2];
const pnpmHome = path.join(cache, `pnpm-${PNPM_VERSION}`);

/** Runs a program to its end with the terminal as it is; throws when it fails. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: "inherit", ...options });
  if (result.error) throw result.error;
  if (result.status !== 0) {
    throw new Error(`${path.basename(command)} ${args.join(" ")} failed (${result.signal ?? result.status})`);
  }
}

/** The pnpm of this clone. */
export const pnpm = path.join(pnpmHome, "node_modules", ".bin", "pnpm");

function installPnpm() {
  if (existsSync(pnpm)) return;
  console.error(`setup: installing pnpm ${PNPM_VERSION} into .cache`);
  mkdirSync(cache, { recursive: true });
  // Elsewhere first, so that a run that is broken off leaves nothing that looks whole.
  const temporary = mkdtempSync(path.join(cache, "tmp-"));
  writeFileSync(path.join(temporary, "package.json"), '{ "private": true }\n');
  const quiet = ["--no-save", "--no-package-lock", "--loglevel=error"];
  run("npm", ["install", ...quiet, `pnpm@${PNPM_VERSION}`], { cwd: temporary, stdio: onStderr });
  if (existsSync(pnpm)) return rmSync(temporary, { recursive: true });
  rmSync(pnpmHome, { recursive: true, force: true });
  renameSync(temporary, pnpmHome);
}

function installDependencies() {
  const stamp = path.join(root, "node_modules", ".bootstrap");
  const lockfile = path.join(root, "pnpm-lock.yaml");
  if (existsSync(stamp) && statSync(stamp).mtimeMs >= statSync(lockfile).mtimeMs) return;
  console.error("setup: installing the workspace's dependencies");
  // One at a time, where the system has a program for that.
  const lock = process.platform === "linux" ? ["flock", path.join(cache, "install.lock")] : [];
  const [command, ...args] = [...lock, pnpm, "install", "--frozen-lockfile", "--reporter=append-only"];
  run(command, args, { stdio: onStderr });
  writeFileSync(stamp, "");
}

/** Brings the clone to a state in which its scripts can run. */
export function bootstrap() {
  installPnpm();
  // The workspace's scripts call pnpm and the tools by their plain names.
  const bins = [path.dirname(pnpm), path.join(root, "node_modules", ".bin")];
  process.env.PATH = [...bins, process.env.PATH].join(path.delimiter);
  installDependencies();
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  bootstrap();
  const [command, ...args] = process.argv.slice(2);
  if (command !== undefined) process.exitCode = spawnSync(command, args, { stdio: "inherit" }).status ?? 1;
}
