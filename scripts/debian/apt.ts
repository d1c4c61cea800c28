import { spawn } from "node:child_process";
import { copyFile, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { delay } from "@buildkit-node/core";
import { type AptSource, debianMirrors, parseDeb822Sources, parseOneLineSources } from "./sources.ts";

/** apt with a state of its own: nothing of the machine's is written, its mirrors, keys and proxies are used. */
export interface PrivateApt {
  /** Fetches packages of a release into a folder, and answers their file names. */
  download(packages: readonly string[], options: DownloadOptions): Promise<readonly string[]>;
}

export interface DownloadOptions {
  readonly suite: string;
  readonly folder: string;
  /** Whether what they depend on, and the machine does not have installed, is fetched too. */
  readonly withDependencies: boolean;
}

export interface PrivateAptOptions {
  /** Where the state is kept. */
  readonly folder: string;
  /** The releases to know. */
  readonly suites: readonly string[];
  /** The release that the machine runs. */
  readonly codename: string;
  readonly log: (line: string) => void;
}

const archiveKeys = "/usr/share/keyrings/debian-archive-keyring.gpg";
const attempts = 4;
/** Lists older than this are fetched anew before anything is downloaded: testing moves on every day. */
const listsAgeMs = 6 * 3600 * 1000;

export function privateApt(options: PrivateAptOptions): PrivateApt {
  const { folder, log } = options;
  const env = { ...process.env, APT_CONFIG: path.join(folder, "apt.conf"), LC_ALL: "C" };
  const apt = (args: readonly string[], cwd: string) => run("apt-get", args, { cwd, env });

  return {
    download: async (packages, download) => {
      await writeConfiguration(folder);
      for (let attempt = 1; ; attempt++) {
        try {
          if (attempt > 1 || !(await isFresh(folder, options.suites))) await updateLists(options, apt);
          const args = download.withDependencies
            ? await withDependencies(packages, download, folder)
            : ["download", ...packages.map((name) => `${name}/${download.suite}`)];
          await apt(["--quiet", ...args], download.folder);
          return (await readdir(download.folder)).filter((name) => name.endsWith(".deb"));
        } catch (error) {
          if (attempt === attempts) throw error;
          const seconds = 2 ** attempt;
          log(`that failed (${error instanceof Error ? error.message : error}); again in ${seconds} s`);
          await delay(seconds * 1000);
        }
      }
    },
  };
}

type Apt = (args: readonly string[], cwd: string) => Promise<string>;

/**
 * Has apt think that it installs packages, to find out what else that takes: it reads a copy of the list of what is
 * installed, stops when all is fetched, and leaves it in the folder.
 */
async function withDependencies(
  packages: readonly string[],
  { suite, folder }: DownloadOptions,
  state: string,
): Promise<string[]> {
  const status = path.join(state, "machine", "status");
  await mkdir(path.dirname(status), { recursive: true });
  await copyFile("/var/lib/dpkg/status", status);
  await mkdir(path.join(folder, "partial"), { recursive: true });
  const options = [
    `Dir::State::status=${status}`,
    `Dir::Cache::archives=${folder}`,
    `APT::Default-Release=${suite}`,
  ];
  return [
    ...options.flatMap((option) => ["--option", option]),
    ...["install", "--yes", "--download-only", "--no-install-recommends", "--reinstall"],
    ...packages,
  ];
}

/** How apt reaches the network is the machine's business (proxies, mirrors' credentials); all else is set here. */
async function writeConfiguration(folder: string): Promise<void> {
  const network = (await run("apt-config", ["dump"], { quiet: true }))
    .split("\n")
    .filter((line) => line.startsWith("Acquire"));
  for (const part of ["state/lists/partial", "cache/archives/partial"]) {
    await mkdir(path.join(folder, part), { recursive: true });
  }
  await writeFile(path.join(folder, "status"), "");
  const own = {
    "Dir::State": path.join(folder, "state"),
    "Dir::State::status": path.join(folder, "status"),
    "Dir::Cache": path.join(folder, "cache"),
    "Dir::Etc::main": "/dev/null",
    "Dir::Etc::parts": "/dev/null",
    "Dir::Etc::preferences": "/dev/null",
    "Dir::Etc::preferencesparts": "/dev/null",
    "Dir::Etc::sourcelist": path.join(folder, "sources.list"),
    "Dir::Etc::sourceparts": "/dev/null",
    "Acquire::Languages": "none",
    "Acquire::Retries": "3",
    // Another user could not write into the clone.
    "APT::Sandbox::User": "root",
  };
  const lines = Object.entries(own).map(([name, value]) => `${name} "${value}";`);
  await writeFile(path.join(folder, "apt.conf"), [...network, ...lines, ""].join("\n"));
}

async function isFresh(folder: string, suites: readonly string[]): Promise<boolean> {
  try {
    const [stamp, text] = await Promise.all([
      stat(path.join(folder, "updated")),
      readFile(path.join(folder, "updated"), "utf8"),
    ]);
    return text === suites.join(" ") && Date.now() - stamp.mtimeMs < listsAgeMs;
  } catch {
    return false;
  }
}

/** Fetches the lists from the first of the machine's mirrors that has every release. */
async function updateLists({ folder, suites, codename, log }: PrivateAptOptions, apt: Apt): Promise<void> {
  const mirrors = debianMirrors(await machineSources(), codename);
  if (mirrors.length === 0) {
    throw new Error(`no mirror of Debian ${codename} among the machine's package sources (/etc/apt)`);
  }
  let failure: unknown;
  for (const mirror of mirrors) {
    log(`Debian's package lists (${suites.join(", ")}) from ${mirror.uri}`);
    const keys = `[signed-by=${mirror.signedBy ?? archiveKeys}]`;
    const lines = suites.map((suite) => `deb ${keys} ${mirror.uri} ${suite} main\n`);
    await writeFile(path.join(folder, "sources.list"), lines.join(""));
    try {
      await apt(["--quiet", "--error-on=any", "update"], folder);
      await writeFile(path.join(folder, "updated"), suites.join(" "));
      return;
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

async function machineSources(): Promise<AptSource[]> {
  const parts = "/etc/apt/sources.list.d";
  const names = await readdir(parts).catch(() => []);
  const files = ["/etc/apt/sources.list", ...names.sort().map((name) => path.join(parts, name))];
  const sources: AptSource[] = [];
  for (const file of files) {
    const text = await readFile(file, "utf8").catch(() => "");
    if (file.endsWith(".list")) sources.push(...parseOneLineSources(text));
    if (file.endsWith(".sources")) sources.push(...parseDeb822Sources(text));
  }
  return sources;
}

interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Whether what it prints is only returned, not shown. */
  readonly quiet?: boolean;
}

/** Runs a program to its end; shows and returns what it prints. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const { cwd, env = process.env, quiet = false } = options;
    const child = spawn(command, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    let out = "";
    let err = "";
    child.stdout.on("data", (chunk: Buffer) => {
      out += chunk;
      if (!quiet) process.stdout.write(chunk);
    });
    child.stderr.on("data", (chunk: Buffer) => {
      err += chunk;
    });
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (code === 0) resolve(out);
      else reject(new Error(`${command} ${args.join(" ")}: ${err.trim() || `exit ${signal ?? code}`}`));
    });
  });
}
