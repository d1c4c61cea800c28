import { homedir } from "node:os";
import { join } from "node:path";

/** Docker's configuration directory: `DOCKER_CONFIG`, else `.docker` in the home directory. */
export function dockerConfigDir(env: NodeJS.ProcessEnv): string {
  return env["DOCKER_CONFIG"] || join(env["HOME"] || homedir(), ".docker");
}
