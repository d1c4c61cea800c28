// Builds examples/hello: on the BuildKit of this machine where there is one, else on a private one from Debian's packages,
// which keeps its data in the clone's cache, so that a second run finds the steps done.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { lstat, readdir, readFile, readlink, rm } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { errorMessage } from "@buildkit-node/core";
import { type Daemon, DaemonError, findOrStartDaemon } from "@buildkit-node/daemon";
import { type EngineName, engineRelease, provideEngines, startEngine } from "./debian/engines.ts";
import { provideSets } from "./debian/provide.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const out = path.join(root, "out");
const started = performance.now();

try {
  await using daemon = await findOrProvide();
  await rm(out, { recursive: true, force: true });
  await runExample(daemon);
  await showResults();
  say(`done in ${((performance.now() - started) / 1000).toFixed(1)} s; npm test runs everything else`);
} catch (error) {
  console.error(`demo: ${errorMessage(error)}`);
  process.exitCode = 1;
}

/** The daemon that there is, else an engine of Debian: one that does not start is replaced by the next, with a word. */
async function findOrProvide(): Promise<Daemon> {
  const dataRoot = { folder: path.join(root, ".cache/demo/found") };
  try {
    const daemon = await findOrStartDaemon({ dataRoot });
    say(`building on the BuildKit that is ${daemon.origin}: ${daemon.address}`);
    return daemon;
  } catch (error) {
    // With a program's name in it, there is a daemon, and it is the user's to mend.
    if (!(error instanceof DaemonError) || error.program !== undefined) throw error;
  }
  say("there is no BuildKit here, so a private Docker Engine is taken from Debian's packages");
  return startEngineOf(["testing", "stable"]);
}

async function startEngineOf([name, ...others]: readonly EngineName[]): Promise<Daemon> {
  if (name === undefined) throw new Error("no engine starts on this machine");
  try {
    await provideEngines([name]);
    const daemon = await startEngine(name, { dataRoot: { folder: path.join(root, ".cache/demo", name) } });
    say(`building on ${await engineRelease(name)}`);
    return daemon;
  } catch (error) {
    if (others.length === 0) throw error;
    console.error(`demo: the engine of Debian ${name} cannot be used, so another is: ${errorMessage(error)}`);
    return startEngineOf(others);
  }
}

async function runExample(daemon: Daemon): Promise<void> {
  const tools = (await canUseAlpine(daemon)) ? undefined : (await provideSets("busybox")).busybox.root;
  const args = [
    "--conditions=@buildkit-node/source",
    "--import",
    "tsx",
    path.join(root, "examples/hello/main.ts"),
    `--out=${out}`,
    ...(tools === undefined ? [] : [`--tools=${path.join(tools, "bin")}`]),
  ];
  const env = { ...process.env, BUILDKIT_HOST: daemon.address };
  const example = spawn(process.execPath, args, { cwd: root, env, stdio: "inherit" });
  const [code, signal] = await once(example, "exit");
  if (code !== 0) throw new Error(`examples/hello failed (${signal ?? code})`);
}

/** With a daemon that was there before us, the example takes alpine from Docker Hub; else Debian's busybox serves. */
async function canUseAlpine(daemon: Daemon): Promise<boolean> {
  if (daemon.origin === "started") return false;
  try {
    await fetch("https://registry-1.docker.io/v2/", { signal: AbortSignal.timeout(3000) });
    return true;
  } catch {
    return false;
  }
}

/** What the build brought home: the files with their modes, sizes and digests. */
async function showResults(): Promise<void> {
  say(`results in ${path.relative(process.cwd(), out)}/`);
  const names = await readdir(out, { recursive: true });
  for (const name of names.sort()) console.log(`  ${await describeFile(path.join(out, name), name)}`);
}

async function describeFile(file: string, name: string): Promise<string> {
  const stat = await lstat(file);
  const mode = (stat.mode & 0o7777).toString(8).padStart(4, "0");
  if (stat.isDirectory()) return `${mode} ${"".padStart(9)}  ${name}/`;
  if (stat.isSymbolicLink()) return `${mode} ${"".padStart(9)}  ${name} -> ${await readlink(file)}`;
  const digest = createHash("sha256")
    .update(await readFile(file))
    .digest("hex");
  return `${mode} ${String(stat.size).padStart(9)}  ${name}  sha256:${digest.slice(0, 12)}`;
}

function say(line: string): void {
  console.log(`demo: ${line}`);
}
