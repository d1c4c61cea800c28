import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { delay, errorMessage } from "@buildkit-node/core";
import type { PrivateDaemon, PrivateDaemonOptions } from "./daemon.ts";
import { DaemonError } from "./daemon-error.ts";
import { findProgram, searchPath } from "./programs.ts";
import { reach } from "./reach.ts";
import { LOCKED, type Supervised, supervise } from "./supervisor.ts";

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
  await waitUntilReady(program, place, supervised, logFile, options);
  return privateDaemon(program.name, address, place.directory, logFile, supervised);
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
    exited: supervised.exited,
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

async function waitUntilReady(
  program: Program,
  place: Place,
  supervised: Supervised,
  logFile: string,
  options: PrivateDaemonOptions,
): Promise<void> {
  const timeoutMs = options.startTimeoutMs ?? 60_000;
  const timeout = AbortSignal.timeout(timeoutMs);
  const stopped = new AbortController();
  const exitCode = supervised.exited.then((code) => {
    stopped.abort();
    return code;
  });
  const signal = AbortSignal.any([
    timeout,
    stopped.signal,
    ...(options.signal === undefined ? [] : [options.signal]),
  ]);
  try {
    await poll(program.address(place.socket), signal);
  } catch (cause) {
    const failed = stopped.signal.aborted;
    await supervised.stop();
    if (!failed && !timeout.aborted) {
      await rm(place.directory, { recursive: true, force: true });
      throw cause;
    }
    throw new DaemonError(await failureText(program, place, failed ? await exitCode : undefined, timeoutMs), {
      program: program.name,
      ...(failed ? { exitCode: await exitCode } : { cause }),
      log: await tail(logFile),
      logFile,
    });
  }
}

async function failureText(
  program: Program,
  place: Place,
  exitCode: number | undefined,
  timeoutMs: number,
): Promise<string> {
  if (exitCode === undefined) return `${program.name} did not answer within ${timeoutMs / 1000} s`;
  if (exitCode === LOCKED) return `another daemon uses the data root ${place.dataRoot}`;
  return `${program.name} ended with exit code ${exitCode} before it answered`;
}

const pollIntervalMs = 25;

/** Tries until the daemon answers; throws the last failure once the signal aborts. */
async function poll(address: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      return await reach(address, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      await delay(pollIntervalMs, signal);
    }
  }
}

const tailLines = 40;

async function tail(file: string): Promise<string> {
  try {
    const lines = (await readFile(file, "utf8")).trimEnd().split("\n");
    return lines.slice(-tailLines).join("\n");
  } catch (error) {
    return `(${errorMessage(error)})`;
  }
}
