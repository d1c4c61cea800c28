import { writeFile } from "node:fs/promises";
import path from "node:path";
import { createBridge } from "./bridge.ts";
import type { Entitlement, PrivateDaemon, PrivateDaemonOptions } from "./daemon.ts";
import { DaemonError } from "./daemon-error.ts";
import { type Place, type Program, startPrivateDaemon } from "./private-daemon.ts";
import { findProgram } from "./programs.ts";

export interface DockerdOptions extends PrivateDaemonOptions {
  /**
   * Whether images are kept in containerd's store, which Docker Engine can since 24.0. Without it the engine's BuildKit
   * has no `oci`, `docker` and `image` exporters, and no merge and diff. Default: true.
   */
  readonly containerdSnapshotter?: boolean;
}

/**
 * Starts a Docker Engine for the caller alone, for the BuildKit in it. `dockerd`, `containerd` and `runc` are taken
 * from `programFolders` or `PATH`. It has a network bridge of its own and leaves the machine's packet filter alone, so
 * steps on the default network reach the engine's machine but nothing beyond; host networking does.
 *
 * Needs Linux and root.
 *
 * @throws {DaemonError}
 */
export function startDockerd(options: DockerdOptions = {}): Promise<PrivateDaemon> {
  const program: Program = {
    name: "dockerd",
    needs: ["containerd", "runc", "ip"],
    address: (socket) => `docker://${socket}`,
    prepare: (place) => prepare(place, options),
  };
  return startPrivateDaemon(program, options);
}

async function prepare(place: Place, options: DockerdOptions) {
  const ip = await findProgram("ip", place.folders);
  if (ip === undefined) throw new DaemonError("the program ip has vanished", { program: "ip" });
  const bridge = await createBridge(ip);
  try {
    const configFile = path.join(place.directory, "dockerd.json");
    await writeFile(configFile, JSON.stringify(configuration(place, bridge.name, options), undefined, 2));
    return { args: ["--config-file", configFile], bridge: bridge.name };
  } catch (error) {
    await bridge.remove();
    throw error;
  }
}

function configuration(place: Place, bridge: string, options: DockerdOptions): object {
  return {
    hosts: [`unix://${place.socket}`],
    "data-root": place.dataRoot,
    "exec-root": path.join(place.directory, "exec"),
    pidfile: path.join(place.directory, "dockerd.pid"),
    bridge,
    // The machine's forwarding and packet filter stay as they are.
    iptables: false,
    ip6tables: false,
    "ip-forward": false,
    "ip-masq": false,
    "userland-proxy": false,
    // systemd knows processes by numbers that the daemon's PID namespace does not have.
    "exec-opts": ["native.cgroupdriver=cgroupfs"],
    "cgroup-parent": `/${place.cgroup}`,
    "registry-mirrors": options.registries?.mirrors ?? [],
    "insecure-registries": options.registries?.insecure ?? [],
    builder: { gc: { enabled: false }, entitlements: entitlements(options.entitlements) },
    // Said in either case, as the default differs between engines; those before 24.0 take no notice.
    features: { "containerd-snapshotter": options.containerdSnapshotter ?? true },
  };
}

function entitlements(allowed: readonly Entitlement[] = ["network.host", "security.insecure"]): object {
  return {
    "network-host": allowed.includes("network.host"),
    "security-insecure": allowed.includes("security.insecure"),
  };
}
