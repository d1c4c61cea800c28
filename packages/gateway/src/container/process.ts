import { PassThrough, type Readable, Writable } from "node:stream";
import { create } from "@bufbuild/protobuf";
import { errorMessage, onAbort, within } from "@buildkit-node/core";
import { type ExecMessage, type ExitMessage, FdMessageSchema } from "@buildkit-node/proto/gateway";
import { StatusError } from "@buildkit-node/transport";
import { ContainerError } from "./container-error.ts";
import type { Outgoing, ProcessCall } from "./process-call.ts";
import { type SignalName, signalName } from "./signal-name.ts";

/** Size of a terminal in characters. */
export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

/** How a process ended. */
export interface ExitStatus {
  /**
   * 0 for success; 128 and the signal's number for a process that a signal ended; 255 also for one that was killed
   * before it had really begun.
   */
  readonly code: number;
  /** The daemon's words for it; empty for success. */
  readonly text: string;
}

/** How long the daemon may be silent after a process has ended, before its last word is no longer waited for. */
const farewellMs = 5_000;

/** How long a killed process may take to end by itself. */
const killedMs = 500;

/** Largest piece of input in one message. */
const inputBytes = 256 * 1024;

const stdinFd = 0;
const stdoutFd = 1;
const stderrFd = 2;

/** A process in a container. */
export class ContainerProcess {
  readonly #call: ProcessCall;
  readonly #tty: boolean;
  readonly #canSignal: () => void;
  readonly #closing: AbortSignal;
  #inputOpen: boolean;
  #over = false;
  /** The input of the process; undefined when it was started without. */
  readonly stdin: Writable | undefined;
  /** Its output; with a terminal, everything. It is held up when nobody reads: read it, or call `resume()`. */
  readonly stdout: Readable;
  /** Its error output; ends at once with a terminal. */
  readonly stderr: Readable;
  /**
   * How it ended, once its output has been read to the end. Rejects with a `ContainerError` when that cannot be known
   * because its container or the build has gone.
   */
  readonly exited: Promise<ExitStatus>;

  /** Made by `Container.start`, when the daemon has said that the process has started. */
  constructor(
    call: ProcessCall,
    options: {
      readonly stdin: boolean;
      readonly tty: boolean;
      readonly canSignal: () => void;
      /** Aborts when the container is being closed: then nobody is waited for who does not read. */
      readonly closing: AbortSignal;
    },
  ) {
    this.#call = call;
    this.#tty = options.tty;
    this.#canSignal = options.canSignal;
    this.#closing = options.closing;
    this.#inputOpen = options.stdin;
    this.stdin = options.stdin ? this.#input() : undefined;
    const stdout = new PassThrough();
    const stderr = new PassThrough();
    this.stdout = stdout;
    this.stderr = stderr;
    if (options.tty) stderr.end();
    this.exited = this.#run(stdout, stderr).finally(() => {
      this.#over = true;
      this.#call.close();
      this.stdin?.destroy();
    });
    this.exited.then(
      () => {
        stdout.end();
        stderr.end();
      },
      // A reader of the output ends with the same error as who waits for the process.
      (error: Error) => {
        for (const stream of [stdout, stderr]) stream.on("error", () => {}).destroy(error);
      },
    );
  }

  /**
   * Sends a signal. One to a process that has ended is ignored. A process whose input is full and which does not read
   * gets no signal: close the container.
   *
   * @throws {InvalidArgumentError} for a name that is no signal
   * @throws {UnsupportedError} by a daemon before BuildKit 0.10
   */
  kill(signal: SignalName = "SIGTERM"): void {
    const Name = signalName(signal);
    this.#canSignal();
    if (this.#over) return;
    void this.#call.send({ case: "Signal", value: { Name } });
    // Older daemons wait for the end of its input; sent at once, it could reach the process before the signal does.
    if (Name === "KILL")
      void within(this.exited, killedMs).then(
        () => this.#endInput(),
        () => {},
      );
  }

  /** Tells a terminal's new size to the process; has no effect without a terminal. */
  resize(size: TerminalSize): void {
    if (this.#over || !this.#tty) return;
    void this.#call.send(resizeMessage(size));
  }

  async #run(stdout: Writable, stderr: Writable): Promise<ExitStatus> {
    const outputs = new Map([
      [stdoutFd, stdout],
      [stderrFd, stderr],
    ]);
    let exit: ExitMessage | undefined;
    let done = false;
    try {
      // Input that the process does not take makes the daemon say farewell before the process has ended.
      while (exit === undefined || !done) {
        const message = await this.#call.receive(exit === undefined ? undefined : farewellMs);
        if (message === undefined || message === "nothing") break;
        if (message.Input.case === "Done") done = true;
        exit = (await this.#take(message, outputs)) ?? exit;
      }
    } catch (error) {
      // The same input fails the call once everything has been said.
      if (exit === undefined) throw containerGone(error);
    }
    if (exit === undefined) throw containerGone(undefined);
    return exitStatus(exit);
  }

  async #take(
    { Input }: ExecMessage,
    outputs: ReadonlyMap<number, Writable>,
  ): Promise<ExitMessage | undefined> {
    if (Input.case === "Exit") {
      // The daemon's last word waits until the input has ended, too.
      this.#endInput();
      return Input.value;
    }
    if (Input.case === "File") {
      const output = outputs.get(Input.value.Fd);
      if (output !== undefined) await deliver(output, Input.value.Data, this.#closing);
      if (Input.value.EOF) output?.end();
    }
    return undefined;
  }

  #input(): Writable {
    return new Writable({
      highWaterMark: inputBytes,
      write: (chunk: Buffer, _encoding, done) => {
        this.#sendInput(chunk).then(() => done(), done);
      },
      final: (done) => {
        this.#endInput();
        done();
      },
      destroy: (error, done) => {
        this.#endInput();
        done(error);
      },
    });
  }

  async #sendInput(chunk: Buffer): Promise<void> {
    for (let at = 0; at < chunk.length && this.#inputOpen; at += inputBytes) {
      const Data = chunk.subarray(at, at + inputBytes);
      await this.#call.send({ case: "File", value: create(FdMessageSchema, { Fd: stdinFd, Data }) });
    }
  }

  #endInput(): void {
    if (!this.#inputOpen) return;
    this.#inputOpen = false;
    void this.#call.send({ case: "File", value: { Fd: stdinFd, EOF: true } });
  }
}

export function resizeMessage({ rows, columns }: TerminalSize): Outgoing {
  return { case: "Resize", value: { Rows: rows, Cols: columns } };
}

/** Waits until the reader has room; a reader that has gone gets nothing, and so does one that a close finds waiting. */
async function deliver(output: Writable, data: Uint8Array, closing: AbortSignal): Promise<void> {
  if (data.length === 0 || output.destroyed || (closing.aborted && output.writableNeedDrain)) return;
  if (output.write(data) || closing.aborted) return;
  await new Promise<void>((resolve) => {
    const goOn = () => {
      output.off("drain", goOn).off("close", goOn);
      closed[Symbol.dispose]();
      resolve();
    };
    output.on("drain", goOn).on("close", goOn);
    const closed = onAbort(closing, goOn);
  });
}

/** The daemon's code for a process of which it knows nothing. */
const unknownCode = 255;

/** What the daemon makes of -1, Go's code for a process that did not exit by itself. */
const noCode = 2 ** 32 - 1;

function exitStatus({ Code, Error: error }: ExitMessage): ExitStatus {
  const text = error?.message ?? "";
  const knows = error?.details.some(({ typeUrl }) => typeUrl.endsWith("gatewayapi.ExitMessage+json")) ?? true;
  if (Code === unknownCode && !knows) throw new ContainerError(`the process could not run: ${text}`);
  return { code: Code === noCode ? unknownCode : Code, text };
}

function containerGone(cause: unknown): unknown {
  if (cause !== undefined && !(cause instanceof StatusError)) return cause;
  const why = cause === undefined ? "the daemon ended the call" : errorMessage(cause);
  return new ContainerError(`the process was lost: ${why}`, { cause });
}
