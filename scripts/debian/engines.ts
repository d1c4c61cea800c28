import { existsSync } from "node:fs";
import { mkdir, symlink } from "node:fs/promises";
import path from "node:path";
import { type DockerdOptions, type PrivateDaemon, startDockerd } from "@buildkit-node/daemon";
import { cacheFolder, machineCodename, provideSets } from "./provide.ts";
import { packageSets } from "./sets.ts";

/** The engines that can be started, by the name that summaries use. */
export const engines = {
  testing: { set: "engine-testing", containerdSnapshotter: true },
  stable: { set: "engine-stable", containerdSnapshotter: true },
  /** Images kept by a graph driver, as most installations still do. */
  classic: { set: "engine-testing", containerdSnapshotter: false },
  oldest: { set: "engine-oldest", containerdSnapshotter: false },
} as const;

export type EngineName = keyof typeof engines;

/** Fetches what the engines need, where the clone's cache lacks it. */
export async function provideEngines(names: readonly EngineName[]): Promise<void> {
  const codename = await machineCodename();
  const runtimes = names.map((name) => runtimeOf(name, codename));
  await provideSets(...names.map((name) => engines[name].set), ...new Set(runtimes), "busybox");
}

/**
 * The set with the containerd and runc for an engine: the machine's own. Only the oldest engine knows none of later releases
 * than its own: on a machine with one, it has those that it was made with.
 */
export function runtimeOf(name: EngineName, codename: string): "runtime" | "runtime-oldest" {
  const isOlder = name === "oldest" && codename !== packageSets["engine-oldest"].suite;
  return isOlder ? "runtime-oldest" : "runtime";
}

/** Starts a private engine from Debian's packages, which are fetched when the clone's cache lacks them. */
export async function startEngine(name: EngineName, options: DockerdOptions = {}): Promise<PrivateDaemon> {
  const { set, containerdSnapshotter } = engines[name];
  const runtimeSet = runtimeOf(name, await machineCodename());
  const { [runtimeSet]: runtime, [set]: engine } = await provideSets(set, runtimeSet);
  const libraries = engine.libraryFolders.join(":");
  return startDockerd({
    containerdSnapshotter,
    ...options,
    programFolders: [
      ...engine.programFolders,
      ...runtime.programFolders,
      ...(await missingProgramFolders()),
      ...(options.programFolders ?? []),
    ],
    env: { ...(libraries === "" ? {} : { LD_LIBRARY_PATH: libraries }), ...options.env },
  });
}

/**
 * The engine's release and that of the BuildKit in it, which goes by the engine's list of modules: a BuildKit that is
 * built into an engine calls itself `v0.0.0+unknown`.
 */
export async function engineRelease(name: EngineName): Promise<string> {
  const { set } = engines[name];
  const { [set]: provided } = await provideSets(set);
  const release = provided.packages.find((each) => each.startsWith("docker.io ")) ?? "docker.io";
  const version = /\d+\.\d+/.exec(release)?.[0] ?? "";
  return `${release} with BuildKit ${vendoredBuildkit[version] ?? "of unknown version"}`;
}

const vendoredBuildkit: Readonly<Record<string, string>> = {
  "20.10": "0.8",
  "26.1": "0.13",
  "28.5": "0.25",
};

/** A folder with what an engine needs and Debian's minimal installation lacks: `ip`, for which busybox serves as well. */
export async function missingProgramFolders(): Promise<string[]> {
  if (["/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip", "/bin/ip"].some((file) => existsSync(file))) return [];
  const { busybox } = await provideSets("busybox");
  const folder = path.join(cacheFolder, "programs");
  await mkdir(folder, { recursive: true });
  await symlink(path.join(busybox.root, "bin", "busybox"), path.join(folder, "ip")).catch(
    (error: unknown) => {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    },
  );
  return [folder];
}
