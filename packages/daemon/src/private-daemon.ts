import { mkdir, mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import type { PrivateDaemon, PrivateDaemonOptions } from "./daemon.ts";
import { DaemonError } from "./daemon-error.ts";
import { findProgram, searchPath } from "./programs.ts";
import { type Supervised, supervise } from "./supervisor.ts";
import { waitUntilReady } from "./wait-until-ready.ts";

/** What distinguishes one program from another. */
export interface Program {
  readonly name: "buildkitd" | "dockerd";
  /** Other programs that it cannot do without. */
  readonly needs: readonly string[];
  /** The address of the daemon on this socket. */
  address(socket: string): string;
  /** Writes the configuration and says how to start. */
  prepare(place: Place): Promise<Preparation>;
}

/** Where a private daemon lives. */
export interface Place {
  readonly directory: string;
  readonly dataRoot: string;
  /** The socket that the daemon shall listen on. */
  readonly socket: string;
  /** A control group for the daemon's steps. */
  readonly cgroup: string;
  readonly folders: readonly string[];
}

export interface Preparation {
  readonly args: readonly string[];
  /** A network bridge to remove with the daemon. */
  readonly bridge?: string;
}

/**
 * Starts a daemon for the caller alone, and waits until it answers.
 *
 * @throws {DaemonError} when the machine cannot run it, or it does not answer in time: with the end of its log.
 */
export async function startPrivateDaemon(
  program: Program,
  options: PrivateDaemonOptions,
): Promise<PrivateDaemon> {
  options.signal?.throwIfAborted();
  const folders = searchPath(options.programFolders);
  const command = await requirePrograms(program, folders);
  const place = await makePlace(options, folders);
  const preparation = await prepare(program, place);
  const address = program.address(place.socket);
  const logFile = path.join(place.directory, `${program.name}.log`);
  const supervised = supervise({
    command,
    args: preparation.args,
    env: daemonEnvironment(folders, options.env),
    directory: place.directory,
    logFile,
    stopTimeoutMs: options.stopTimeoutMs ?? 10_000,
    cgroup: place.cgroup,
    ...(preparation.bridge === undefined ? {} : { bridge: preparation.bridge }),
    ...(options.dataRoot === "tmpfs" ? { tmpfs: place.dataRoot } : {}),
    ...(typeof options.dataRoot === "object" ? { lockFile: `${place.dataRoot}.lock` } : {}),
  });
  const { directory, dataRoot } = place;
  await waitUntilReady({ program: program.name, address, directory, dataRoot, logFile, supervised }, options);
  return privateDaemon(program.name, address, directory, logFile, supervised);
}

async function prepare(program: Program, place: Place): Promise<Preparation> {
  try {
    return await program.prepare(place);
  } catch (error) {
    await rm(place.directory, { recursive: true, force: true });
    throw error;
  }
}

function privateDaemon(
  program: PrivateDaemon["program"],
  address: string,
  directory: string,
  logFile: string,
  supervised: Supervised,
): PrivateDaemon {
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= (async () => {
      await supervised.stop();
      // The log of a daemon that did not end well.
      await rm(directory, { recursive: true, force: true });
    })();
    return closing;
  };
  return {
    address,
    origin: "started",
    program,
    directory,
    logFile,
    get exited() {
      // Who waits for its end keeps this process alive until then.
      supervised.ref();
      return supervised.exited;
    },
    signal: (name) => supervised.signal(name),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The path of the program. Everything that can be found missing is, before anything is made. */
async function requirePrograms(program: Program, folders: readonly string[]): Promise<string> {
  if (process.platform !== "linux")
    throw unable(program, `only Linux runs it, and this is ${process.platform}`);
  if (process.getuid?.() !== 0) throw unable(program, "that needs root");
  for (const name of ["unshare", "flock", ...program.needs]) {
    if ((await findProgram(name, folders)) === undefined) {
      throw unable(program, `it needs the program ${name}, which is in none of ${folders.join(":")}`);
    }
  }
  const command = await findProgram(program.name, folders);
  if (command === undefined) throw unable(program, `there is none in ${folders.join(":")}`);
  return command;
}

function unable(program: Program, problem: string): DaemonError {
  return new DaemonError(`cannot start a private ${program.name}: ${problem}`, { program: program.name });
}

/** Linux gives the path of a Unix socket 108 bytes with the zero at its end, and daemons put some below theirs. */
const longestDirectoryBytes = 60;

async function makePlace(options: PrivateDaemonOptions, folders: readonly string[]): Promise<Place> {
  const parent = options.parentDirectory ?? os.tmpdir();
  const directory = await mkdtemp(path.join(parent, "buildkit-"));
  if (Buffer.byteLength(directory) > longestDirectoryBytes) {
    await rm(directory, { recursive: true });
    throw new DaemonError(
      `the folder ${parent} is too deep for a daemon's sockets: their paths would exceed what Linux allows; ` +
        "give a shorter parentDirectory",
    );
  }
  const dataRoot =
    typeof options.dataRoot === "object"
      ? path.resolve(options.dataRoot.folder)
      : path.join(directory, "data");
  await mkdir(dataRoot, { recursive: true });
  return {
    directory,
    dataRoot,
    socket: path.join(directory, "daemon.sock"),
    cgroup: path.basename(directory),
    folders,
  };
}

function daemonEnvironment(
  folders: readonly string[],
  extra: Readonly<Record<string, string>> = {},
): NodeJS.ProcessEnv {
  // A service manager that started this process is not to hear from the daemon.
  const { NOTIFY_SOCKET: _, ...inherited } = process.env;
  return { ...inherited, PATH: folders.join(path.delimiter), ...extra };
}
