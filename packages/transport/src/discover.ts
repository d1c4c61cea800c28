import { type Address, parseAddress, type SocketAddress } from "./address.ts";

/** What discovery looks at. Nothing here reads `process.env` by itself. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: NodeJS.Platform;
}

/** An address that may lead to a daemon. */
export interface Candidate {
  readonly address: Address;
  /** Where it came from, for people. */
  readonly origin: string;
}

/**
 * The addresses to try, in order, when the caller gave none: `BUILDKIT_HOST` alone where it is set, else buildkitd's
 * own socket, the rootless one in `XDG_RUNTIME_DIR`, and the Docker Engine.
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
  found.push(defaultEngine(around));
  return found;
}

/** The Docker Engine that a bare `docker://` stands for: `DOCKER_HOST`, else the machine's own. */
export function defaultEngine(around: Surroundings): Candidate {
  const host = around.env["DOCKER_HOST"];
  if (host === undefined || host === "") {
    const address: Address = {
      kind: "docker-engine",
      engine: { kind: "unix", path: "/var/run/docker.sock" },
    };
    return { address, origin: "the Docker Engine's default socket" };
  }
  return { address: parseAddress(`docker://${host}`), origin: "the Docker Engine, from DOCKER_HOST" };
}

function systemSocket(platform: NodeJS.Platform): SocketAddress {
  const directory = platform === "linux" ? "/run" : "/var/run";
  return { kind: "unix", path: `${directory}/buildkit/buildkitd.sock` };
}
