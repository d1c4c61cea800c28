import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import path from "node:path";
import { provideSets } from "../../scripts/debian/provide.ts";

/** A Go client to compare with: Debian's docker-buildx, on a daemon at a `unix://` or `tcp://` address. */
export interface GoClient {
  /** `docker-buildx build` with these arguments; gives what it wrote to stderr. */
  build(...args: readonly string[]): string;
}

/** @param folder where the client keeps its own files */
export async function goClient(address: string, folder: string): Promise<GoClient> {
  const { buildx } = await provideSets("buildx");
  const program = path.join(buildx.root, "usr/libexec/docker/cli-plugins/docker-buildx");
  const home = path.join(folder, "go-home");
  mkdirSync(home, { recursive: true });
  const env = { ...process.env, HOME: home, DOCKER_CONFIG: home, BUILDX_CONFIG: home };
  const run = (args: readonly string[]) =>
    execFileSync("sh", ["-c", 'exec "$@" 2>&1', "sh", program, ...args], { env, encoding: "utf8" });
  run(["create", "--name", "peer", "--driver", "remote", address]);
  return { build: (...args) => run(["--builder", "peer", "build", "--provenance=false", ...args]) };
}
