import { existsSync } from "node:fs";
import { mkdir, symlink } from "node:fs/promises";
import path from "node:path";
import { type DockerdOptions, type PrivateDaemon, startDockerd } from "@buildkit-node/daemon";
import { cacheFolder, type ProvidedSet, provideSets } from "./provide.ts";

/** The engines that can be started, by the name that summaries use. */
export const engines = {
  testing: { set: "engine-testing", containerdSnapshotter: true },
  stable: { set: "engine-stable", containerdSnapshotter: true },
  /** Images kept by a graph driver, as most installations still do. */
  classic: { set: "engine-testing", containerdSnapshotter: false },
  oldest: { set: "engine-oldest", containerdSnapshotter: false },
} as const;

export type EngineName = keyof typeof engines;

/** Starts a private engine from Debian's packages, which are fetched when the clone's cache lacks them. */
export async function startEngine(name: EngineName, options: DockerdOptions = {}): Promise<PrivateDaemon> {
  const { set, containerdSnapshotter } = engines[name];
  const sets = await provideSets(set, "runtime", "busybox");
  const engine: ProvidedSet = sets[set];
  const libraries = engine.libraryFolders.join(":");
  return startDockerd({
    containerdSnapshotter,
    ...options,
    programFolders: [
      ...engine.programFolders,
      ...sets.runtime.programFolders,
      ...(await folderOfMissing(sets.busybox)),
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

/** Debian's minimal installation has no `ip`; busybox's serves as well. */
async function folderOfMissing(busybox: ProvidedSet): Promise<string[]> {
  if (["/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip", "/bin/ip"].some((file) => existsSync(file))) return [];
  const folder = path.join(cacheFolder, "programs");
  await mkdir(folder, { recursive: true });
  await symlink(path.join(busybox.root, "bin", "busybox"), path.join(folder, "ip")).catch(
    (error: unknown) => {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    },
  );
  return [folder];
}
