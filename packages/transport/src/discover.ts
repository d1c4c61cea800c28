import type { Address, SocketAddress } from "./address.ts";
import { parseAddress } from "./parse-address.ts";
import type { Surroundings } from "./surroundings.ts";

/** An address that may lead to a daemon. */
export interface Candidate {
  readonly address: Address;
  /** Where it came from, for people. */
  readonly origin: string;
}

/**
 * The addresses to try, in order, when the caller gave none: `BUILDKIT_HOST` alone where it is set, else buildkitd's
 * own socket, the rootless one in `XDG_RUNTIME_DIR`, and the Docker Engine of Docker's own configuration.
 *
 * @throws {AddressError} when a variable holds what is not an address
 */
export function candidates(around: Surroundings): readonly Candidate[] {
  const host = around.env["BUILDKIT_HOST"];
  if (host !== undefined && host !== "")
    return [{ address: parseAddress(host), origin: "from BUILDKIT_HOST" }];
  const found: Candidate[] = [
    { address: systemSocket(around.platform), origin: "buildkitd's default socket" },
  ];
  // A colon list names several directories; rootless buildkitd uses the first.
  const runtimeDir = around.env["XDG_RUNTIME_DIR"]?.split(":")[0];
  if (runtimeDir !== undefined && runtimeDir !== "") {
    const path = `${runtimeDir}/buildkit/buildkitd.sock`;
    found.push({ address: { kind: "unix", path }, origin: "rootless buildkitd, from XDG_RUNTIME_DIR" });
  }
  found.push({ address: { kind: "docker-engine" }, origin: "the Docker Engine" });
  return found;
}

function systemSocket(platform: NodeJS.Platform): SocketAddress {
  if (platform === "win32") return { kind: "npipe", path: "//./pipe/buildkitd" };
  const directory = platform === "linux" ? "/run" : "/var/run";
  return { kind: "unix", path: `${directory}/buildkit/buildkitd.sock` };
}
