import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { Socket } from "node:net";
import { Duplex } from "node:stream";
import { within } from "@buildkit-node/core";
import { CommandError } from "./command-error.ts";

/** How long a program may take to end after SIGTERM, before SIGKILL. */
const killAfterMs = 3_000;
/** How long the exit may take to be known once the program has closed its stdout. */
const exitAfterEndMs = 1_000;
/** How long stderr may stay open after the exit: a master connection that ssh leaves behind keeps it. */
const stderrAfterExitMs = 100;
/** What is kept of stderr: its end, where the reason stands. */
const stderrBytes = 4096;

/**
 * The stdin and stdout of a program as one pipe. Destroying it ends the program; "close" comes when that is done. When
 * the program ends by itself, the pipe ends, or fails with a `CommandError` where the exit code tells of a failure.
 *
 * States: running, ended (stdout is at its end), destroyed.
 */
export class CommandPipe extends Duplex {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #about: Pick<CommandError, "command" | "advice">;
  readonly #exited: Promise<true>;
  #stderr: Buffer = Buffer.alloc(0);

  constructor(child: ChildProcessWithoutNullStreams, about: Pick<CommandError, "command" | "advice">) {
    super();
    this.#child = child;
    this.#about = about;
    this.#exited = new Promise((resolve) => child.once("exit", () => resolve(true)));
    const { stdin, stdout, stderr } = child;
    // A failed write comes back through its callback, a failed read as the end of stdout.
    for (const one of [child, stdin, stdout, stderr]) one.on("error", () => {});
    stderr.on("data", (chunk: Buffer) => {
      this.#stderr = Buffer.concat([this.#stderr, chunk]).subarray(-stderrBytes);
    });
    stdout.on("data", (chunk: Buffer) => {
      if (!this.push(chunk)) stdout.pause();
    });
    stdout.once("close", () => void this.#end());
  }

  /** Keeps this process alive while the program runs, as it is in the beginning. */
  ref(): void {
    for (const one of this.#handles()) one.ref();
  }

  /** Lets this process end while the program runs; its stdin ends with that, and it with its stdin. */
  unref(): void {
    for (const one of this.#handles()) one.unref();
  }

  override _read(): void {
    this.#child.stdout.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#child.stdin.write(chunk, (error) => this.#written(error, done));
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    const { stdin } = this.#child;
    stdin.cork();
    const last = chunks.pop();
    for (const { chunk } of chunks) stdin.write(chunk);
    stdin.write(last?.chunk ?? "", (error) => this.#written(error, done));
    stdin.uncork();
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#child.stdin.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    void this.#stop().then(() => done(error));
  }

  /** A program that no longer reads has most often ended, and its exit says why. */
  #written(error: Error | null | undefined, done: (error?: Error | null) => void): void {
    if (error == null) done();
    else void this.#failure().then((failure) => done(failure ?? error));
  }

  async #end(): Promise<void> {
    const failure = await this.#failure();
    if (failure === undefined) this.push(null);
    else this.destroy(failure);
  }

  /** Why the program ended, or undefined when it ended well or is still there. */
  async #failure(): Promise<CommandError | undefined> {
    await within(this.#exited, exitAfterEndMs);
    const { exitCode, signalCode, stderr } = this.#child;
    if (exitCode === 0 || (exitCode === null && signalCode === null)) return undefined;
    if (!stderr.closed) await within(once(stderr, "close"), stderrAfterExitMs);
    return new CommandError({
      ...this.#about,
      exitCode: exitCode ?? undefined,
      signal: signalCode ?? undefined,
      stderr: printable(this.#stderr.toString()),
    });
  }

  async #stop(): Promise<void> {
    const { exitCode, signalCode, stdin, stdout, stderr } = this.#child;
    stdin.destroy();
    if (exitCode === null && signalCode === null) {
      this.#kill("SIGTERM");
      await within(this.#exited, killAfterMs);
      // Also what the program has left of its group.
      this.#kill("SIGKILL");
      await this.#exited;
    }
    stdout.destroy();
    stderr.destroy();
  }

  #kill(signal: "SIGTERM" | "SIGKILL"): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      // Its group has its number; Windows has no groups.
      process.kill(process.platform === "win32" ? pid : -pid, signal);
    } catch {
      // All of it has ended already.
    }
  }

  #handles(): readonly { ref(): unknown; unref(): unknown }[] {
    const { stdin, stdout, stderr } = this.#child;
    return [this.#child, ...[stdin, stdout, stderr].filter((one) => one instanceof Socket)];
  }
}

/** Without colours and other codes for terminals. */
function printable(text: string): string {
  return text
    .replace(/\x1b\[[0-9;?]*[A-Za-z]/g, "")
    .replace(/\r\n?/g, "\n")
    .replace(/[\0-\x09\x0b-\x1f\x7f]/g, "")
    .trim();
}
