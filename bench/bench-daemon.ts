import { mkdtemp, rm } from "node:fs/promises";
import path from "node:path";
import { Scope } from "@buildkit-node/core";
import { startRelay } from "@buildkit-node/daemon";
import { startEngine } from "../scripts/debian/engines.ts";
import { provideSets } from "../scripts/debian/provide.ts";

/** Where everything of a run is kept: memory, so that no disk is measured. */
const memory = "/dev/shm";

/** The daemon that both sides of a comparison use, with its data in memory. */
export interface BenchDaemon extends AsyncDisposable {
  readonly address: string;
  /** A folder in memory for contexts and destinations. */
  readonly folder: string;
}

/**
 * The daemon that `BUILDKIT_HOST` names, else a private engine behind a unix socket, with these variables in its
 * environment.
 */
export async function benchDaemon(env: Readonly<Record<string, string>> = {}): Promise<BenchDaemon> {
  const scope = new Scope();
  try {
    const folder = await mkdtemp(path.join(memory, "buildkit-bench-"));
    scope.defer(() => rm(folder, { recursive: true, force: true }));
    const given = process.env["BUILDKIT_HOST"] ?? "";
    const address = given === "" ? await privateEngine(scope, folder, env) : given;
    return { address, folder, [Symbol.asyncDispose]: () => scope.close() };
  } catch (error) {
    await scope.close();
    throw error;
  }
}

async function privateEngine(
  scope: Scope,
  folder: string,
  env: Readonly<Record<string, string>>,
): Promise<string> {
  const engine = scope.use(await startEngine("testing", { dataRoot: "tmpfs", env }));
  const relay = scope.use(
    await startRelay({ to: engine.address, listen: `unix://${path.join(folder, "buildkit.sock")}` }),
  );
  return relay.address;
}

/** The Go client to compare with: `buildctl` where `BUILDCTL` names one, else docker-buildx of Debian. */
export async function goClient(): Promise<{
  readonly name: "buildctl" | "buildx";
  readonly program: string;
}> {
  const buildctl = process.env["BUILDCTL"] ?? "";
  if (buildctl !== "") return { name: "buildctl", program: buildctl };
  const { buildx } = await provideSets("buildx");
  return { name: "buildx", program: path.join(buildx.root, "usr/libexec/docker/cli-plugins/docker-buildx") };
}
