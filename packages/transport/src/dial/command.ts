import { once } from "node:events";
import type { Duplex } from "node:stream";
import { dialFailed } from "../connect-error.ts";
import type { Dialer } from "../dialer.ts";
import type { Environment } from "../surroundings.ts";
import { CommandError } from "./command-error.ts";
import { CommandPipe } from "./command-pipe.ts";

/** A program that joins its stdin and stdout to a daemon's socket. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  /** What to do when it fails. */
  readonly advice: string;
}

/** Dials by starting a program, one for each pipe. */
export function commandDialer(address: string, command: Command, env: Environment): Dialer {
  return { address, authority: "localhost", dial: (signal) => dialCommand(address, command, env, signal) };
}

/**
 * Starts the program without a shell, in a session and process group of its own: what is typed in a terminal, such as
 * an interrupt, does not reach it, and all of the group is ended with the pipe.
 *
 * @throws {ConnectError} or the signal's reason
 */
export async function dialCommand(
  address: string,
  { program, args, advice }: Command,
  env: Environment,
  signal?: AbortSignal,
): Promise<Duplex> {
  const { spawn } = await import("node:child_process");
  signal?.throwIfAborted();
  const child = spawn(program, args, {
    env: { ...env },
    stdio: ["pipe", "pipe", "pipe"],
    detached: process.platform !== "win32",
    windowsHide: true,
  });
  const command = [program, ...args];
  try {
    await once(child, "spawn");
  } catch (cause) {
    const ended = { exitCode: undefined, signal: undefined, stderr: "" };
    const missing = `install ${program}, and check that it is on PATH`;
    throw dialFailed(address, new CommandError({ command, ...ended, advice: missing }, { cause }));
  }
  return new CommandPipe(child, { command, advice });
}
