import { setMaxListeners } from "node:events";
import { BuildkitError, InvalidArgumentError, onAbort, within } from "@buildkit-node/core";
import type { Platform } from "@buildkit-node/oci";
import { NetMode } from "@buildkit-node/proto/pb";
import { StatusError } from "@buildkit-node/transport";
import { randomId } from "@buildkit-node/transport/internal";
import { requireCapability } from "../capabilities.ts";
import { fileError } from "../file-error.ts";
import { type FileStat, fileStatFromProto, statFromProto } from "../file-stat.ts";
import type { GatewayOwner } from "../gateway.ts";
import { platformToProto, toPlatform } from "../platform.ts";
import { solveFailure } from "../solve-failure.ts";
import { ContainerError } from "./container-error.ts";
import { type ContainerMount, checkMounts, mountToProto } from "./mount.ts";
import type { ContainerProcess, ExitStatus } from "./process.ts";
import { checkProcess, type ProcessOptions, startProcess } from "./start-process.ts";

export interface ContainerOptions {
  /** What its processes see; one tree must stand at `/`. */
  readonly mounts: readonly ContainerMount[];
  /** `host` needs the entitlement `network.host`. Default: `sandbox`. */
  readonly network?: "sandbox" | "host" | "none";
  readonly hostname?: string;
  /** More entries of `/etc/hosts`, addresses by name (BuildKit 0.10). */
  readonly extraHosts?: Readonly<Record<string, string>>;
  /** Default: the daemon's. */
  readonly platform?: Platform | string;
  readonly signal?: AbortSignal;
}

/** A process that has ended, and all that it wrote. */
export interface RunResult extends ExitStatus {
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
}

/** Output kept by `Container.run`. */
const maxOutputBytes = 16 * 1024 * 1024;

/** How long killing may take before the container is ended instead. */
const killMs = 1_000;

const networks = { sandbox: NetMode.UNSET, host: NetMode.HOST, none: NetMode.NONE } as const;

/** How the daemon reports, when it has released a container, on processes that failed or were killed by that. */
const exitText = /^exit code: \d+/;

/**
 * A container for processes, and a throw-away copy of the files that they see.
 *
 * It ends with its first process; and one process that exits with another code than 0 ends it too: the daemon stops
 * the others then. After that it can only be closed.
 */
export class Container implements AsyncDisposable {
  readonly #owner: GatewayOwner;
  readonly #id: string;
  readonly #mounts: readonly ContainerMount[];
  #ended: string | undefined;
  #failed = false;
  readonly #closed = new AbortController();
  #processes = 0;
  #closing: Promise<void> | undefined;

  /** Made by `Gateway.newContainer`. */
  constructor(owner: GatewayOwner, id: string, mounts: readonly ContainerMount[]) {
    this.#owner = owner;
    this.#id = id;
    this.#mounts = mounts;
    // Each process with output that nobody reads listens.
    setMaxListeners(0, this.#closed.signal);
  }

  /**
   * Starts a process. The first is the container's own: with its end the container ends.
   *
   * @throws {ContainerError} when it cannot start, or the container has ended
   * @throws {InvalidArgumentError} when the options are wrong
   */
  async start(options: ProcessOptions): Promise<ContainerProcess> {
    checkProcess(options);
    this.#checkOpen();
    const isFirst = this.#processes++ === 0;
    await this.#checkSecrets(options);
    this.#checkOpen();
    const { bridge, capabilities } = this.#owner;
    const place = { bridge, capabilities, containerId: this.#id, closing: this.#closed.signal };
    const process = await startProcess(place, options);
    const name = JSON.stringify(options.args[0]);
    const aborted = onAbort(options.signal, () => void this.#kill(process));
    process.exited
      .then(
        ({ code }) => {
          this.#failed ||= code !== 0;
          if (isFirst) this.#ended ??= `its first process, ${name}, has ended`;
          else if (code !== 0) this.#ended ??= `its process ${name} exited with the code ${code}`;
        },
        () => {
          this.#failed = true;
          this.#ended ??= `its process ${name} was lost`;
        },
      )
      .finally(() => aborted[Symbol.dispose]());
    return process;
  }

  /**
   * Runs a process to its end and collects what it writes, up to 16 MiB.
   *
   * @throws {ContainerError} also when it writes more than that
   */
  async run(options: ProcessOptions & { readonly input?: string | Uint8Array }): Promise<RunResult> {
    const process = await this.start({ ...options, stdin: options.input !== undefined });
    process.stdin?.on("error", () => {}).end(options.input);
    const [stdout, stderr] = await Promise.all([collect(process.stdout), collect(process.stderr)]);
    return { ...(await process.exited), stdout, stderr };
  }

  /**
   * Reads a file as the processes see it, 16 MiB at most (BuildKit 0.27). Paths are absolute; a link that leads out of
   * its mount is not followed.
   *
   * @throws {FileError} when there is no such file or it is not a regular one
   */
  async readFile(path: string, options: { readonly signal?: AbortSignal } = {}): Promise<Uint8Array> {
    const { bridge } = this.#owner;
    const { Ref, MountIndex, below: FilePath } = this.#place(path);
    const call = bridge.call(options.signal);
    const reading = bridge.rpc.readFileContainer({ Ref, MountIndex, FilePath }, call);
    return (await reading.catch(failing(path))).Data;
  }

  /** Lists a directory as the processes see it (BuildKit 0.27); owners are not told. Throws as `readFile` does. */
  async readDir(path: string, options: { readonly signal?: AbortSignal } = {}): Promise<readonly FileStat[]> {
    const { bridge } = this.#owner;
    const { Ref, MountIndex, below: DirPath } = this.#place(path);
    const call = bridge.call(options.signal);
    const reading = bridge.rpc.readDirContainer({ Ref, MountIndex, DirPath }, call);
    return (await reading.catch(failing(path))).entries.map(fileStatFromProto);
  }

  /** Tells about a file as the processes see it (BuildKit 0.27); its owner is not told. Throws as `readFile` does. */
  async statFile(path: string, options: { readonly signal?: AbortSignal } = {}): Promise<FileStat> {
    const { bridge } = this.#owner;
    const { Ref, MountIndex, below: Path } = this.#place(path);
    const call = bridge.call(options.signal);
    const { stat } = await bridge.rpc.statFileContainer({ Ref, MountIndex, Path }, call).catch(failing(path));
    return statFromProto(path, stat);
  }

  /** Kills what still runs and throws its files away; idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#release();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #release(): Promise<void> {
    const { bridge } = this.#owner;
    // The daemon waits until the last output has been taken.
    this.#closed.abort();
    try {
      await bridge.rpc.releaseContainer({ ContainerID: this.#id }, bridge.call(undefined));
    } catch (error) {
      // Releasing answers with the failure of a process; it has been released all the same.
      if (!(error instanceof StatusError)) throw error;
      const reported = this.#failed || exitText.test(error.text) || error.status === "Canceled";
      if (!reported) throw error;
    }
  }

  /** A process that cannot be signalled ends with its container. */
  async #kill(process: ContainerProcess): Promise<void> {
    try {
      process.kill("SIGKILL");
      if ((await within(process.exited, killMs)) !== undefined) return;
    } catch {
      // Without signals, or lost already.
    }
    await this.close().catch(() => {});
  }

  /** The daemon keeps silent about a variable's secret that is not there; it does tell about a mount's. */
  async #checkSecrets(options: ProcessOptions): Promise<void> {
    const needed = Object.values(options.secretEnv ?? {}).filter(({ optional }) => optional !== true);
    if (options.secretEnv !== undefined) {
      requireCapability(this.#owner.capabilities, "gateway.exec.secretenv", "giving a secret as a variable");
    }
    if (needed.length === 0) return;
    const secrets = needed.map(({ id }, index) => ({ type: "secret" as const, target: `/${index}`, id }));
    const probe = await newContainer(this.#owner, { mounts: [{ target: "/" }, ...secrets] });
    await probe.close();
  }

  #checkOpen(): void {
    if (this.#closing !== undefined)
      throw new BuildkitError("ERR_BUILDKIT_CLOSED", "the container was closed");
    if (this.#ended !== undefined) throw new ContainerError(`the container has ended: ${this.#ended}`);
  }

  /** Where the daemon finds a path: the mount, and the path in it. */
  #place(path: string): { readonly Ref: string; readonly MountIndex: number; readonly below: string } {
    if (!path.startsWith("/")) {
      throw new InvalidArgumentError("path", path, `${JSON.stringify(path)} must be an absolute path`);
    }
    const { capabilities } = this.#owner;
    requireCapability(capabilities, "gateway.exec.filesystem", "reading files of a container");
    const { index, below } = innermostMount(this.#mounts, path);
    return { Ref: this.#id, MountIndex: index, below };
  }
}

/** The mount that a path lies in, and the path below it. */
function innermostMount(mounts: readonly ContainerMount[], path: string) {
  let best = { index: 0, depth: -1, below: path };
  for (const [index, { target }] of mounts.entries()) {
    const prefix = target.replace(/\/+$/, "");
    if ((path === prefix || path.startsWith(`${prefix}/`)) && prefix.length > best.depth) {
      best = { index, depth: prefix.length, below: path.slice(prefix.length) || "/" };
    }
  }
  return best;
}

function failing(path: string): (error: unknown) => Promise<never> {
  return (error) => Promise.reject(fileError(path, error));
}

/** See `Gateway.newContainer`. */
export async function newContainer(owner: GatewayOwner, options: ContainerOptions): Promise<Container> {
  const { bridge, capabilities } = owner;
  requireCapability(capabilities, "gateway.exec", "running processes in a container");
  checkMounts(options.mounts);
  const Mounts = options.mounts.map((mount) => mountToProto(owner, mount));
  const hosts = Object.entries(options.extraHosts ?? {});
  if (hosts.length > 0)
    requireCapability(capabilities, "gateway.exec.extrahosts", "adding hosts to a container");
  const id = randomId();
  try {
    await bridge.rpc.newContainer(
      {
        ContainerID: id,
        Mounts,
        Network: networks[options.network ?? "sandbox"],
        hostname: options.hostname ?? "",
        extraHosts: hosts.map(([Host, IP]) => ({ Host, IP })),
        ...(options.platform !== undefined && { platform: platformToProto(toPlatform(options.platform)) }),
      },
      bridge.call(options.signal),
    );
  } catch (error) {
    throw containerFailure(bridge.buildId, error);
  }
  const container = new Container(owner, id, options.mounts);
  owner.scope.defer(() => container.close());
  return container;
}

/** A mount's step that failed is the build's error; what else is wrong is the container's. */
function containerFailure(buildId: string | undefined, thrown: unknown): unknown {
  const failure = solveFailure(buildId, thrown);
  if (!(failure instanceof StatusError)) return failure;
  return new ContainerError(`cannot make a container: ${failure.text}`, { cause: failure });
}

async function collect(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let total = 0;
  for await (const piece of stream) {
    total += piece.length;
    if (total > maxOutputBytes) {
      throw new ContainerError(
        "the process wrote more than 16 MiB: start it, and read its output piece by piece",
      );
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
