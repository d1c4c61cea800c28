import { create } from "@bufbuild/protobuf";
import { BuildkitError, InvalidArgumentError, onAbort } from "@buildkit-node/core";
import { type ExecMessage, InitMessageSchema } from "@buildkit-node/proto/gateway";
import { SecurityMode } from "@buildkit-node/proto/pb";
import { randomId } from "@buildkit-node/transport/internal";
import type { Bridge } from "../bridge.ts";
import { type Capabilities, requireCapability } from "../capabilities.ts";
import { ContainerError } from "./container-error.ts";
import { ContainerProcess, resizeMessage, type TerminalSize } from "./process.ts";
import { ProcessCall } from "./process-call.ts";

export interface ProcessOptions {
  /** The program and its arguments. A container takes nothing from an image's config. */
  readonly args: readonly string[];
  /** Variables. Where they have no PATH, it gets the usual one. */
  readonly env?: Readonly<Record<string, string>>;
  /** Secrets of the session as variables, by the variable's name (BuildKit 0.12). */
  readonly secretEnv?: Readonly<Record<string, { readonly id: string; readonly optional?: boolean }>>;
  /** Working directory. Default: `/`. */
  readonly cwd?: string;
  /**
   * `name`, `uid` or `uid:gid`. Default: root. Before BuildKit 0.32 a `uid` alone needs an `/etc/passwd` to look its
   * group up in.
   */
  readonly user?: string;
  /**
   * Whether it has an input to write to. Default: false, it reads nothing. Before BuildKit 0.32 a daemon tells the end of a
   * process without terminal only when its input has ended, too: end it.
   */
  readonly stdin?: boolean;
  /**
   * Gives it a terminal: output and error output come as one. The daemon sets the size when the program has begun
   * already, and signals `SIGWINCH`: one that asks at once may find a terminal of 0 rows. Default: none; `true` is one of
   * 24 rows and 80 columns.
   */
  readonly tty?: boolean | TerminalSize;
  /** `insecure` needs the entitlement `security.insecure`. Default: `sandbox`. */
  readonly security?: "sandbox" | "insecure";
  /** Kills the process; `exited` then tells how it ended. Before the start it rejects with its reason. */
  readonly signal?: AbortSignal;
  /** How long the start may take, in milliseconds. Default: 60,000. */
  readonly startTimeoutMs?: number;
}

/** A terminal nobody has sized would have no rows and columns at all. */
const defaultTerminal: TerminalSize = { rows: 24, columns: 80 };

/** How long the daemon has to tell why a process did not start, once it is asked. */
const reasonMs = 2_000;

/** Where a process is to run. */
export interface ProcessPlace {
  readonly bridge: Bridge;
  readonly capabilities: Capabilities;
  readonly containerId: string;
  /** Aborts when the container is being closed. */
  readonly closing: AbortSignal;
}

/** @throws {InvalidArgumentError} without anything to run, and for variables that cannot be */
export function checkProcess(options: ProcessOptions): void {
  if (options.args.length === 0 || options.args[0] === "") {
    throw new InvalidArgumentError("args", options.args, "a process needs a program to run: args is empty");
  }
  for (const name of [...Object.keys(options.env ?? {}), ...Object.keys(options.secretEnv ?? {})]) {
    if (name === "" || name.includes("=")) {
      throw new InvalidArgumentError("env", name, `${JSON.stringify(name)} cannot be the name of a variable`);
    }
  }
}

/** Starts a process; resolves when the daemon says that it has started. */
export async function startProcess(place: ProcessPlace, options: ProcessOptions): Promise<ContainerProcess> {
  const { bridge, capabilities } = place;
  const { signal, startTimeoutMs = 60_000 } = options;
  signal?.throwIfAborted();
  const call = new ProcessCall(bridge, randomId());
  const tty = options.tty ?? false;
  // The daemon leaves a process without any answer whose container goes while it starts.
  const given = [onAbort(signal, () => call.close()), onAbort(place.closing, () => call.close())];
  try {
    void call.send({ case: "Init", value: initMessage(place.containerId, options) });
    if (tty !== false) void call.send(resizeMessage(tty === true ? defaultTerminal : tty));
    await started(call, options.args, startTimeoutMs);
  } catch (error) {
    call.close();
    if (signal?.aborted) throw signal.reason;
    if (place.closing.aborted) throw new BuildkitError("ERR_BUILDKIT_CLOSED", "the container was closed");
    throw error;
  } finally {
    for (const listener of given) listener[Symbol.dispose]();
  }
  return new ContainerProcess(call, {
    stdin: options.stdin ?? false,
    tty: tty !== false,
    closing: place.closing,
    canSignal: () => requireCapability(capabilities, "gateway.exec.signals", "signalling a process"),
  });
}

/**
 * The daemon tells why a process cannot start only to who has nothing more to send, and a process whose caller has
 * nothing more to send loses its input and output; so that is asked for when the time is up, not before.
 */
async function started(call: ProcessCall, args: readonly string[], timeoutMs: number): Promise<void> {
  const first = await call.receive(timeoutMs);
  if (first !== "nothing" && isStarted(first)) return;
  call.endSending();
  const reason = first === "nothing" ? await call.receive(reasonMs) : undefined;
  const what =
    reason === "nothing" ? `it did not start within ${timeoutMs} ms` : "the daemon did not start it";
  throw new ContainerError(`cannot run ${JSON.stringify(args)}: ${what}`);
}

function isStarted(message: ExecMessage | undefined): boolean {
  return message?.Input.case === "Started";
}

function initMessage(containerId: string, options: ProcessOptions) {
  const env = Object.entries(options.env ?? {});
  const secrets = Object.entries(options.secretEnv ?? {});
  return create(InitMessageSchema, {
    ContainerID: containerId,
    // A message without it crashes daemons up to 0.32.
    Meta: {
      args: [...options.args],
      env: env.map(([name, value]) => `${name}=${value}`),
      cwd: options.cwd ?? "",
      user: options.user ?? "",
    },
    Fds: [...(options.stdin === true ? [0] : []), 1, ...(options.tty ? [] : [2])],
    Tty: options.tty !== undefined && options.tty !== false,
    Security: options.security === "insecure" ? SecurityMode.INSECURE : SecurityMode.SANDBOX,
    secretenv: secrets.map(([name, { id, optional = false }]) => ({ ID: id, name, optional })),
  });
}
