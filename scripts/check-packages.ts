// Packs every package as it would be published, and checks the tarballs: their manifests (publint), their types (attw),
// and that they install together in an empty project, where each entry loads by import and by require, its declarations
// compile, and a cold solve loads and asks what it should.
import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const temporary = await mkdtemp(path.join(os.tmpdir(), "buildkit-node-pack-"));

try {
  const tarballs = await pack();
  await Promise.all(shares(tarballs, os.availableParallelism()).map(checkTarballs));
  const entries = await checkConsumer(tarballs);
  console.log(`${tarballs.length} packages with ${entries.length} entries install, load and compile`);
} finally {
  await rm(temporary, { recursive: true, force: true });
}

async function pack(): Promise<string[]> {
  await run("pnpm", ["run", "build"]);
  const destination = path.join(temporary, "tarballs");
  await mkdir(destination);
  await run("pnpm", ["--recursive", "--filter=./packages/*", "pack", "--pack-destination", destination]);
  return (await readdir(destination)).map((name) => path.join(destination, name));
}

async function checkTarballs(tarballs: readonly string[]): Promise<void> {
  for (const tarball of tarballs) {
    await run("publint", ["--strict", tarball]);
    await run("attw", ["--profile", "esm-only", tarball]);
  }
}

/** Installs the tarballs in an empty project and uses each of their entries there. Answers the entries. */
async function checkConsumer(tarballs: readonly string[]): Promise<string[]> {
  const project = path.join(temporary, "consumer");
  await mkdir(project);
  const types = `@types/node@${(await readManifest(path.join(root, "node_modules/@types/node"))).version}`;
  await writeFile(path.join(project, "package.json"), '{ "private": true }\n');
  const quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  await run("npm", ["install", ...quiet, types, ...tarballs], project);

  const entries = await entriesOf(project);
  for (const program of ["load.mjs", "cold-solve.mjs"]) {
    await copyFile(path.join(root, "test/consumer", program), path.join(project, program));
  }
  await run(process.execPath, ["load.mjs", ...entries], project);
  await run(process.execPath, ["cold-solve.mjs"], project);

  const lines = entries.map((entry, index) => `export * as entry${index} from ${JSON.stringify(entry)};\n`);
  await writeFile(path.join(project, "consumer.mts"), lines.join(""));
  // connect's own declarations name types of the DOM.
  const options =
    "--noEmit --strict --module nodenext --target es2023 --lib es2023,esnext.disposable,dom --types node";
  await run("tsc", [...options.split(" "), "consumer.mts"], project);
  return entries;
}

/** What the installed packages can be imported as, by their own manifests. */
async function entriesOf(project: string): Promise<string[]> {
  const names = Object.keys((await readManifest(project)).dependencies);
  const ours = names.filter((name) => name === "buildkit-node" || name.startsWith("@buildkit-node/"));
  const entries = ours.map(async (name) => {
    const { exports } = await readManifest(path.join(project, "node_modules", name));
    return Object.keys(exports)
      .filter((entry) => !entry.endsWith(".json"))
      .map((entry) => path.posix.join(name, entry));
  });
  return (await Promise.all(entries)).flat();
}

interface Manifest {
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, unknown>>;
}

async function readManifest(folder: string): Promise<Manifest> {
  return JSON.parse(await readFile(path.join(folder, "package.json"), "utf8"));
}

/** The items in so many parts of about the same size. */
function shares<T>(items: readonly T[], count: number): T[][] {
  return Array.from({ length: count }, (_, share) => items.filter((_item, index) => index % count === share));
}

/** Runs a program to its end; what it printed is shown when it fails. */
function run(command: string, args: readonly string[], cwd: string = root): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile(command, args, { cwd, maxBuffer: Number.POSITIVE_INFINITY }, (error, stdout, stderr) => {
      if (error === null) return resolve();
      process.stderr.write(stdout + stderr);
      reject(new Error(`${command} ${args.join(" ")} failed (${error.signal ?? error.code})`));
    });
  });
}
