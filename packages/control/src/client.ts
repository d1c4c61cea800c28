import { BuildkitError } from "@buildkit-node/core";
import type { BuildFunction, Capabilities, ResolvedImage, SourceMeta } from "@buildkit-node/gateway";
import { type Dialer, Link, type LinkOptions } from "@buildkit-node/transport";
import { randomId } from "@buildkit-node/transport/internal";
import { capabilitiesOf } from "./capabilities.ts";
import { DaemonContent } from "./content/daemon-content.ts";
import { type DockerfileOptions, dockerfileBuild } from "./dockerfile.ts";
import { BuildHistory } from "./history/build-history.ts";
import {
  type ResolveImageOptions,
  type ResolveSourceOptions,
  resolveImageConfig,
  resolveSourceMeta,
} from "./look-up.ts";
import { type CloseOptions, RunningBuilds } from "./session/running-builds.ts";
import { type OpenSessionOptions, SharedSession } from "./session/shared-session.ts";
import { Build } from "./solve/build.ts";
import { checkOptions } from "./solve/check-options.ts";
import { planBuild } from "./solve/plan-build.ts";
import type { SolveInput } from "./solve/solve-input.ts";
import type { Exporters, SolveOptions } from "./solve/solve-options.ts";
import type { SolveResult } from "./solve/solve-result.ts";
import { type DiskUsageOptions, diskUsage, type PruneOptions, prune, type UsageRecord } from "./storage.ts";
import { type DaemonInfo, daemonInfo, type ListWorkersOptions, listWorkers, type Worker } from "./workers.ts";

export interface CallOptions {
  readonly signal?: AbortSignal;
}

/** How to connect: time and signal of the attempt, TLS. */
export type ConnectOptions = LinkOptions;

/**
 * Connects to a BuildKit daemon.
 *
 * Without an address this reads the environment: `BUILDKIT_HOST`, else buildkitd's socket, rootless buildkitd's in
 * `XDG_RUNTIME_DIR`, and the Docker Engine that the `docker` command would use, in this order.
 *
 * @param address `unix:///path`, `tcp://host:port`, `docker://` for a Docker Engine, or one of those that lead through
 * a program, such as `ssh://host` and `docker-container://name`; or a dialer of the caller's own
 * @throws {AddressError} for an address that cannot be understood
 * @throws {ConnectError} when no daemon can be reached: it says what was tried and what to do
 */
export async function connect(address?: string | Dialer, options: ConnectOptions = {}): Promise<Client> {
  return new Client(await Link.open(address, options));
}

/**
 * A BuildKit daemon. All calls and builds share one connection; after a loss, those that run fail, and the next one
 * connects anew.
 */
export class Client implements AsyncDisposable {
  /** What the daemon remembers of its builds (BuildKit 0.11). */
  readonly history: BuildHistory;
  /** What the daemon's content store has (BuildKit 0.11). */
  readonly content: DaemonContent;
  readonly #link: Link;
  readonly #builds = new RunningBuilds();
  readonly #sessions = new Set<SharedSession>();

  /** @internal made by {@link connect} */
  constructor(link: Link) {
    this.#link = link;
    this.history = new BuildHistory(link);
    this.content = new DaemonContent(link);
  }

  /** The daemon's address. */
  get address(): string {
    return this.#link.address;
  }

  /**
   * The daemon's version.
   *
   * @throws {UnsupportedError} by a daemon before BuildKit 0.11
   */
  async info(options: CallOptions = {}): Promise<DaemonInfo> {
    return daemonInfo(await this.#link.connection(options.signal), options.signal);
  }

  /** The daemon's workers; builds use the first. */
  async listWorkers(options: ListWorkersOptions = {}): Promise<readonly Worker[]> {
    return listWorkers(await this.#link.connection(options.signal), options);
  }

  /** What the build cache holds. */
  async diskUsage(options: DiskUsageOptions = {}): Promise<readonly UsageRecord[]> {
    return diskUsage(await this.#link.connection(options.signal), options);
  }

  /**
   * Removes records that nobody uses from the build cache, and tells which.
   *
   * @throws {UnsupportedError} for a limit that the daemon does not know
   */
  async prune(options: PruneOptions = {}): Promise<readonly UsageRecord[]> {
    return prune(await this.#link.connection(options.signal), options);
  }

  /** What the daemon can do; asked once per connection. */
  async capabilities(options: CallOptions = {}): Promise<Capabilities> {
    return capabilitiesOf(await this.#link.connection(options.signal), options.signal);
  }

  /**
   * Starts a build. It runs until it ends or is canceled, whoever looks at it.
   *
   * @throws {InvalidArgumentError} for what is wrong with the input or the options themselves
   */
  start<const E extends Exporters = readonly []>(
    input: SolveInput,
    options: SolveOptions<E> = {},
  ): Build<SolveResult<E>> {
    if (this.#builds.isClosing) throw this.#closedError();
    checkOptions(options);
    const ref = options.ref ?? randomId();
    const build = new Build(ref, planBuild(this.#link, ref, input, options), options.signal);
    this.#builds.add(build);
    options.session?.hold(build);
    return build;
  }

  /**
   * Builds and waits for the result.
   *
   * @throws {InvalidArgumentError} for what is wrong with the input or the options; nothing was sent
   * @throws {SolveError} when the build fails on the daemon
   * @throws {LocalSourceError} for a file that the daemon asked for and that cannot be read
   * @throws {DestinationError} for a result that cannot be written
   * @throws {BuildLostError} when the connection is lost meanwhile: `history.wait(error.ref)` tells what became of the build
   */
  async solve<const E extends Exporters = readonly []>(
    input: SolveInput,
    options: SolveOptions<E> = {},
  ): Promise<SolveResult<E>> {
    return this.start(input, options).result;
  }

  /**
   * Builds what a function returns, which may ask the daemon while it thinks: solve, read files, run processes in
   * containers, look images up. Its gateway is there until it has returned.
   *
   * @throws what the function throws, and as {@link solve} does
   */
  async build<const E extends Exporters = readonly []>(
    build: BuildFunction,
    options: SolveOptions<E> = {},
  ): Promise<SolveResult<E>> {
    return this.start(build, options).result;
  }

  /**
   * Opens a session that builds can share: given to them as `session`, it serves them its local sources, secrets, SSH agents
   * and credentials. To the daemon a session is one state of its local sources: what it was sent of one for a build, it has
   * for every later build of the session too, and does not look for changes.
   *
   * @throws {InvalidArgumentError} for a directory that does not exist, or a secret that cannot be had
   * @throws {SshError} for an agent or a key that cannot be used
   * @throws {UnsupportedError} for a `sourcePolicy`, by a daemon before BuildKit 0.26
   */
  async openSession(options: OpenSessionOptions = {}): Promise<SharedSession> {
    if (this.#builds.isClosing) throw this.#closedError();
    checkOptions(options);
    const session = await SharedSession.open(this.#link, options);
    this.#sessions.add(session);
    void session.closed.then(() => this.#sessions.delete(session));
    return session;
  }

  /**
   * Finds out everything about an image through the daemon, so that its mirrors and the session's credentials apply:
   * digests, config, manifest and index with their bytes, all platforms; no layer is fetched.
   *
   * @throws {ImageError} when there is no such image, none for the platform, or the registry refuses
   */
  resolveImageConfig(ref: string, options: ResolveImageOptions = {}): Promise<ResolvedImage> {
    return resolveImageConfig((build, solve) => this.solve(build, solve), ref, options);
  }

  /**
   * Finds out what a source stands for at the moment: the commit of a git reference, the checksum of a file.
   *
   * @throws {UnsupportedError} by a daemon before BuildKit 0.13 (git and http: 0.26)
   */
  resolveSourceMeta(options: ResolveSourceOptions): Promise<SourceMeta> {
    return resolveSourceMeta((build, solve) => this.solve(build, solve), options);
  }

  /**
   * Builds a Dockerfile with the daemon's own frontend.
   *
   * @throws as {@link solve} does
   */
  async solveDockerfile<const E extends Exporters = readonly []>(
    options: DockerfileOptions<E>,
  ): Promise<SolveResult<E>> {
    return this.startDockerfile(options).result;
  }

  /** Starts what {@link solveDockerfile} builds. */
  startDockerfile<const E extends Exporters = readonly []>(
    options: DockerfileOptions<E>,
  ): Build<SolveResult<E>> {
    const { input, solve } = dockerfileBuild(options);
    return this.start(input, solve);
  }

  /** Ends everything; idempotent. */
  close(options: CloseOptions = {}): Promise<void> {
    return this.#builds.close(options, this.#closedError(), async () => {
      await Promise.all([...this.#sessions].map((session) => session.close()));
      await this.#link.close();
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #closedError(): BuildkitError {
    return new BuildkitError("ERR_BUILDKIT_CLOSED", `the client of ${this.address} was closed`);
  }
}
