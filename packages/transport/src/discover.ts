import os from "node:os";
import path from "node:path";
import type { Address, DockerEngineAddress } from "./address.ts";
import { contextEndpoint, currentContext, defaultContext, type EngineEndpoint } from "./docker-context.ts";
import { parseAddress } from "./parse-address.ts";
import { readTlsMaterial } from "./tls-options.ts";

/** What discovery looks at. Nothing here reads `process.env` by itself. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: NodeJS.Platform;
}

/** An address that may lead to a daemon. */
export interface Candidate extends EngineEndpoint {
  /** Where it came from, for people. */
  readonly origin: string;
}

/**
 * The addresses to try, in order, when the caller gave none: `BUILDKIT_HOST` alone where it is set, else buildkitd's
 * own socket, the rootless one in `XDG_RUNTIME_DIR`, and the Docker Engine.
 *
 * @throws {AddressError} when a variable holds what is not an address
 */
export async function candidates(around: Surroundings): Promise<readonly Candidate[]> {
  const host = variable(around, "BUILDKIT_HOST");
  if (host !== undefined) {
    return [{ ...(await resolveAddress(parseAddress(host), around)), origin: "from BUILDKIT_HOST" }];
  }
  const found: Candidate[] = [
    { address: systemSocket(around.platform), origin: "buildkitd's default socket" },
  ];
  // A colon list names several directories; rootless buildkitd uses the first.
  const runtimeDir = variable(around, "XDG_RUNTIME_DIR")?.split(":")[0];
  if (runtimeDir !== undefined && runtimeDir !== "") {
    const socket = `${runtimeDir}/buildkit/buildkitd.sock`;
    found.push({
      address: { kind: "unix", path: socket },
      origin: "rootless buildkitd, from XDG_RUNTIME_DIR",
    });
  }
  found.push(await defaultEngine(around));
  return found;
}

/** The address as it is dialed: a bare `docker://` and a context's name stand for what the machine's settings say. */
export async function resolveAddress(
  address: Address,
  around: Surroundings,
): Promise<EngineEndpoint & { readonly origin?: string }> {
  if (address.kind !== "docker-engine" || address.engine !== undefined) return { address };
  if (address.context === undefined) return defaultEngine(around);
  return contextEndpoint(configDirectory(around), address.context);
}

/** The engine that the `docker` command would use: `DOCKER_HOST`, else its current context, else the machine's own. */
export async function defaultEngine(around: Surroundings): Promise<Candidate> {
  const host = variable(around, "DOCKER_HOST");
  if (host !== undefined) return engineOfHost(host, around);
  const fromEnv = variable(around, "DOCKER_CONTEXT");
  const name = fromEnv ?? (await currentContext(configDirectory(around))) ?? defaultContext;
  if (name === defaultContext) {
    return { address: localEngine(around.platform), origin: "the Docker Engine's default socket" };
  }
  const where = fromEnv === undefined ? "from Docker's configuration" : "from DOCKER_CONTEXT";
  const endpoint = await contextEndpoint(configDirectory(around), name);
  return { ...endpoint, origin: `the Docker context ${name}, ${where}` };
}

async function engineOfHost(host: string, around: Surroundings): Promise<Candidate> {
  const address = parseAddress(`docker://${host}`);
  const origin = "the Docker Engine, from DOCKER_HOST";
  if (variable(around, "DOCKER_TLS_VERIFY") === undefined) return { address, origin };
  const directory = variable(around, "DOCKER_CERT_PATH") ?? configDirectory(around);
  return { address, origin, tls: await readTlsMaterial({ directory }) };
}

function configDirectory(around: Surroundings): string {
  const home = variable(around, "HOME") ?? variable(around, "USERPROFILE") ?? os.homedir();
  return variable(around, "DOCKER_CONFIG") ?? path.join(home, ".docker");
}

function localEngine(platform: NodeJS.Platform): DockerEngineAddress {
  if (platform === "win32") {
    return { kind: "docker-engine", engine: { kind: "npipe", path: "\\\\.\\pipe\\docker_engine" } };
  }
  return { kind: "docker-engine", engine: { kind: "unix", path: "/var/run/docker.sock" } };
}

function systemSocket(platform: NodeJS.Platform): Address {
  if (platform === "win32") return { kind: "npipe", path: "\\\\.\\pipe\\buildkitd" };
  return { kind: "unix", path: `${platform === "linux" ? "/run" : "/var/run"}/buildkit/buildkitd.sock` };
}

/** An empty variable counts as one that is not set. */
function variable(around: Surroundings, name: string): string | undefined {
  const value = around.env[name];
  return value === "" ? undefined : value;
}
