import { ConnectError } from "@buildkit-node/transport";
import { type BuildkitdOptions, startBuildkitd } from "./buildkitd.ts";
import type { Daemon } from "./daemon.ts";
import { DaemonError } from "./daemon-error.ts";
import { type DockerdOptions, startDockerd } from "./dockerd.ts";
import { findProgram, searchPath } from "./programs.ts";
import { reach } from "./reach.ts";

export interface FindOrStartOptions extends BuildkitdOptions, DockerdOptions {}

/**
 * A BuildKit for a test or a first run, from the first of these that there is:
 *
 * 1. the one that `BUILDKIT_HOST` names,
 * 2. a private one, when `buildkitd` is in `programFolders` or on `PATH`,
 * 3. the Docker Engine that runs on the machine, or that `DOCKER_HOST` names,
 * 4. a private Docker Engine, when `dockerd` is in `programFolders` or on `PATH`.
 *
 * The options apply to a daemon that is started. A daemon that is there but does not answer or start is an error:
 * the next one is not tried in its place.
 *
 * @throws {DaemonError} when there is none, or when it does not start
 * @throws {ConnectError} when the one that is named does not answer
 */
export async function findOrStartDaemon(options: FindOrStartOptions = {}): Promise<Daemon> {
  const host = process.env["BUILDKIT_HOST"];
  if (host !== undefined && host !== "") {
    await reach(host, answerSignal(options.signal));
    return notOurs(host, "given");
  }

  const folders = searchPath(options.programFolders);
  if ((await findProgram("buildkitd", folders)) !== undefined) return startBuildkitd(options);

  const engine = await runningEngine(options.signal);
  if (engine !== undefined) return notOurs(engine, "found");

  if ((await findProgram("dockerd", folders)) !== undefined) return startDockerd(options);
  throw new DaemonError(
    "there is no BuildKit: BUILDKIT_HOST is not set, no Docker Engine answers, and neither buildkitd nor dockerd is " +
      `in ${folders.join(":")}`,
  );
}

/** A daemon that closing leaves alone. */
function notOurs(address: string, origin: "given" | "found"): Daemon {
  const close = (): Promise<void> => Promise.resolve();
  return { address, origin, close, [Symbol.asyncDispose]: close };
}

/** The engine that the `docker` command would use, where it answers; one that `DOCKER_HOST` names must. */
async function runningEngine(signal: AbortSignal | undefined): Promise<string | undefined> {
  const address = "docker://";
  try {
    await reach(address, answerSignal(signal));
    return address;
  } catch (error) {
    const named = process.env["DOCKER_HOST"] ?? "";
    if (error instanceof ConnectError && named === "") return undefined;
    throw error;
  }
}

const answerTimeoutMs = 10_000;

function answerSignal(signal: AbortSignal | undefined): AbortSignal {
  const timeout = AbortSignal.timeout(answerTimeoutMs);
  return signal === undefined ? timeout : AbortSignal.any([timeout, signal]);
}
