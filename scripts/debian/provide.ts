import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { privateApt, run } from "./apt.ts";
import { withLock } from "./lock.ts";
import { type PackageSet, packageSets, type SetName } from "./sets.ts";

/** Unpacked packages. */
export interface ProvidedSet {
  /** What is `/` in the packages. */
  readonly root: string;
  /** The folders in it that hold programs, and those that hold libraries. */
  readonly programFolders: readonly string[];
  readonly libraryFolders: readonly string[];
  /** The packages' names and versions. */
  readonly packages: readonly string[];
}

/** Where the sets are unpacked. */
export const cacheFolder: string = fileURLToPath(new URL("../../.cache/debian", import.meta.url));

/**
 * Sets of Debian packages, unpacked in the clone's cache and nowhere else. What is there is used as it is; what is
 * missing is fetched, checked by apt against Debian's keys, and put in place in one step, so that a run may be broken
 * off at any time and several may go on at once.
 */
export async function provideSets<Name extends SetName>(
  ...names: readonly Name[]
): Promise<Record<Name, ProvidedSet>> {
  const missing = (
    await Promise.all(names.map(async (name) => ((await isProvided(name)) ? [] : [name])))
  ).flat();
  if (missing.length > 0) await fetchSets(missing);
  const entries = await Promise.all(names.map(async (name) => [name, await describe(name)] as const));
  return Object.fromEntries(entries) as Record<Name, ProvidedSet>;
}

async function fetchSets(names: readonly SetName[]): Promise<void> {
  await mkdir(cacheFolder, { recursive: true });
  const onWait = () => log("waiting for another set-up in this clone");
  await withLock(path.join(cacheFolder, "lock"), onWait, async () => {
    await removeTemporary();
    for (const name of names) {
      if (!(await isProvided(name))) await fetchSet(name);
    }
  });
}

async function fetchSet(name: SetName): Promise<void> {
  const { suite, packages, purpose, withDependencies = false }: PackageSet = packageSets[name];
  const codename = await machineCodename();
  const known = Object.values(packageSets).map((set) => (set.suite === "machine" ? codename : set.suite));
  const apt = privateApt({
    folder: path.join(cacheFolder, "apt"),
    suites: [...new Set(known)],
    codename,
    log,
  });
  const release = suite === "machine" ? codename : suite;

  log(`${purpose}: ${packages.join(", ")} (Debian ${release})`);
  const temporary = await mkdtemp(path.join(cacheFolder, temporaryPrefix));
  const downloads = path.join(temporary, "downloads");
  const root = path.join(temporary, "root");
  await mkdir(downloads);
  const files = await apt
    .download(packages, { suite: release, folder: downloads, withDependencies })
    .catch((cause: unknown) => {
      const what = `${purpose} (${packages.join(", ")} of Debian ${release}, on Debian ${codename})`;
      throw new Error(`cannot fetch ${what}: ${cause instanceof Error ? cause.message : cause}`, { cause });
    });
  for (const file of files) await run("dpkg", ["-x", path.join(downloads, file), root]);
  // Last, as it says that the set is whole.
  await writeFile(path.join(root, packagesFile), files.map(packageOf).join("\n"));
  await rm(folderOf(name), { recursive: true, force: true });
  await rename(root, folderOf(name));
  await rm(temporary, { recursive: true });
  log(`${files.map(packageOf).join(", ")}: unpacked in ${path.relative(process.cwd(), folderOf(name))}`);
}

const temporaryPrefix = "tmp-";
const packagesFile = ".packages";

function folderOf(name: SetName): string {
  return path.join(cacheFolder, name);
}

async function isProvided(name: SetName): Promise<boolean> {
  const packages = await providedPackages(name).catch(() => []);
  const { packages: wanted, withDependencies = false }: PackageSet = packageSets[name];
  return (
    (withDependencies || packages.length === wanted.length) &&
    wanted.every((each) => packages.some((is) => is.startsWith(`${each} `)))
  );
}

async function providedPackages(name: SetName): Promise<readonly string[]> {
  return (await readFile(path.join(folderOf(name), packagesFile), "utf8")).split("\n");
}

async function describe(name: SetName): Promise<ProvidedSet> {
  const root = folderOf(name);
  return {
    root,
    programFolders: await existing(root, [
      "usr/sbin",
      "usr/bin",
      "sbin",
      "bin",
      "usr/libexec/docker/cli-plugins",
    ]),
    libraryFolders: await existing(root, [
      ...(await libraries(root, "usr/lib")),
      ...(await libraries(root, "lib")),
    ]),
    packages: await providedPackages(name),
  };
}

/**
 * The folders of one machine architecture, such as `usr/lib/x86_64-linux-gnu`, and those in them where a package keeps
 * libraries of its own: programs know these by paths that are not theirs here.
 */
async function libraries(root: string, folder: string): Promise<string[]> {
  const list = (inside: string) => readdir(path.join(root, inside)).catch(() => []);
  const triplets = (await list(folder)).filter((name) => name.includes("-linux-gnu"));
  const found: string[] = [];
  for (const triplet of triplets.map((name) => path.join(folder, name))) {
    found.push(triplet);
    for (const inside of (await list(triplet)).map((name) => path.join(triplet, name))) {
      if ((await list(inside)).some((name) => /\.so(\.|$)/.test(name))) found.push(inside);
    }
  }
  return found;
}

async function existing(root: string, folders: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const folder of folders) {
    const full = path.join(root, folder);
    if ((await stat(full).catch(() => undefined))?.isDirectory()) found.push(full);
  }
  return found;
}

/** `name version` of a package's file, `name_version_architecture.deb` with the version's colon written `%3a`. */
function packageOf(file: string): string {
  const [name = file, version = ""] = file.split("_");
  return `${name} ${decodeURIComponent(version)}`;
}

/** Whether the machine is one whose packages can be taken: a Debian. */
export async function canProvide(): Promise<boolean> {
  return (await debianCodename()) !== undefined;
}

/** The name of the Debian release that the machine runs. */
export async function machineCodename(): Promise<string> {
  const codename = await debianCodename();
  if (codename !== undefined) return codename;
  throw new Error(
    "this machine is not Debian, so there are no packages to take a Docker Engine from; " +
      "set BUILDKIT_HOST to the address of a BuildKit daemon",
  );
}

async function debianCodename(): Promise<string | undefined> {
  const text = await readFile("/etc/os-release", "utf8").catch(() => "");
  return /^ID=debian$/m.test(text) ? /^VERSION_CODENAME=(.*)$/m.exec(text)?.[1] : undefined;
}

/** What runs that were broken off left. Under the lock, nobody else's can be meant. */
async function removeTemporary(): Promise<void> {
  for (const name of await readdir(cacheFolder)) {
    if (name.startsWith(temporaryPrefix))
      await rm(path.join(cacheFolder, name), { recursive: true, force: true });
  }
}

function log(line: string): void {
  console.log(`setup: ${line}`);
}
