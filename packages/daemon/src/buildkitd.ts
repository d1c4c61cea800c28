import { writeFile } from "node:fs/promises";
import path from "node:path";
import type { PrivateDaemon, PrivateDaemonOptions, RegistryOptions } from "./daemon.ts";
import { type Place, type Program, startPrivateDaemon } from "./private-daemon.ts";

export interface BuildkitdOptions extends PrivateDaemonOptions {}

/**
 * Starts buildkitd for the caller alone, with its OCI worker. `buildkitd` and `runc` are taken from `programFolders`
 * or `PATH`. Needs Linux and root.
 *
 * @throws {DaemonError}
 */
export function startBuildkitd(options: BuildkitdOptions = {}): Promise<PrivateDaemon> {
  const program: Program = {
    name: "buildkitd",
    needs: ["runc"],
    address: (socket) => `unix://${socket}`,
    prepare: async (place) => {
      const configFile = path.join(place.directory, "buildkitd.toml");
      await writeFile(configFile, configuration(place, options));
      return { args: ["--config", configFile] };
    },
  };
  return startPrivateDaemon(program, options);
}

function configuration(place: Place, options: BuildkitdOptions): string {
  const entitlements = options.entitlements ?? ["network.host", "security.insecure"];
  return `
root = ${toml(place.dataRoot)}
insecure-entitlements = ${toml(entitlements)}

[grpc]
address = ${toml([`unix://${place.socket}`])}

[worker.oci]
enabled = true
gc = false
defaultCgroupParent = ${toml(place.cgroup)}

[worker.containerd]
enabled = false
${registryTables(options.registries ?? {})}`;
}

function registryTables({ insecure = [], mirrors = [] }: RegistryOptions): string {
  const mirrorHosts = mirrors.map((mirror) => mirror.replace(/^https?:\/\//, "").replace(/\/$/, ""));
  // BuildKit names a mirror without its scheme, and learns from the host's own table that it speaks plain HTTP.
  const plain = mirrorHosts.filter((_, index) => mirrors[index]?.startsWith("http://"));
  const tables = [...new Set([...insecure, ...plain])].map(
    (host) => `[registry.${toml(host)}]\nhttp = true\ninsecure = true\n`,
  );
  if (mirrorHosts.length > 0) tables.push(`[registry."docker.io"]\nmirrors = ${toml(mirrorHosts)}\n`);
  return tables.map((table) => `\n${table}`).join("");
}

/** TOML writes strings, and lists of them, as JSON does. */
function toml(value: string | readonly string[]): string {
  return JSON.stringify(value);
}
