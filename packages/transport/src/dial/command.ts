import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { Duplex } from "node:stream";
import { abortable } from "@buildkit-node/core";
import { ConnectError, dialFailed } from "../connect-error.ts";
import type { Dialer } from "../dialer.ts";
import type { Command } from "./helper-command.ts";

/** How long a helper may take to end after SIGTERM, in milliseconds. */
const killMs = 3_000;

/** Kept of what a helper says on its standard error; it may be a banner, and the last words tell what is wrong. */
const maxStderrBytes = 8 * 1024;

/** Dials by running a program; its standard input and output are the connection, and it ends with it. */
export function commandDialer(address: string, command: Command): Dialer {
  return { address, authority: "localhost", dial: (signal) => runCommand(address, command, signal) };
}

/** @throws {ConnectError} or the signal's reason */
export async function runCommand(address: string, command: Command, signal?: AbortSignal): Promise<Duplex> {
  // In a process group of its own, so that a Ctrl-C in the terminal does not end it before its time.
  const child = spawn(command.program, command.args, { stdio: "pipe", detached: true });
  const spawned = new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (error) => reject(cannotRun(address, command, error)));
  });
  try {
    await abortable(spawned, signal);
  } catch (error) {
    child.kill();
    throw error;
  }
  return new CommandPipe(child, command.program);
}

function cannotRun(address: string, { program }: Command, error: NodeJS.ErrnoException): ConnectError {
  if (error.code !== "ENOENT") return dialFailed(address, error);
  const advice = `install ${program}, or put it on PATH`;
  return new ConnectError(
    [{ address, failure: "not-found", problem: `the program ${program} is not there`, advice }],
    { cause: error },
  );
}

/** A program's standard input and output as one pipe. */
class CommandPipe extends Duplex {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #program: string;
  #stderr = Buffer.alloc(0);

  constructor(child: ChildProcessWithoutNullStreams, program: string) {
    super({ allowHalfOpen: true });
    this.#child = child;
    this.#program = program;
    child.on("error", (error) => this.destroy(error));
    // A program that has gone is told by its exit, which comes with its last words.
    child.stdin.on("error", () => {});
    child.stdout.on("data", (chunk: Buffer) => {
      if (!this.push(chunk)) child.stdout.pause();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      this.#stderr = Buffer.concat([this.#stderr, chunk]).subarray(-maxStderrBytes);
    });
    child.on("close", (code, signal) => this.#exited(code, signal));
  }

  override _read(): void {
    this.#child.stdout.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (this.#child.stdin.write(chunk)) done();
    else this.#whenDrained(done);
  }

  override _final(done: () => void): void {
    this.#child.stdin.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const child = this.#child;
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), killMs);
      child.once("exit", () => clearTimeout(timer));
    }
    child.stdin.destroy();
    child.stdout.destroy();
    child.stderr.destroy();
    done(error);
  }

  #whenDrained(done: () => void): void {
    const { stdin } = this.#child;
    const finish = () => {
      stdin.off("drain", finish).off("close", finish);
      done();
    };
    stdin.on("drain", finish).on("close", finish);
  }

  #exited(code: number | null, signal: NodeJS.Signals | null): void {
    if (this.destroyed) return;
    const said = this.#stderr.toString("utf8").trim();
    if (code === 0 && said === "") {
      this.push(null);
      return;
    }
    const how = signal === null ? `ended with status ${code ?? "unknown"}` : `was killed by ${signal}`;
    this.destroy(new Error(`${this.#program} ${how}${said === "" ? "" : `: ${said}`}`));
  }
}
