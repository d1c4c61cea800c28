import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  BuildkitError,
  InvalidArgumentError,
  type Range,
  type Scope,
  type SourceInfo,
} from "@buildkit-node/core";
import type { ImageResolver, State } from "@buildkit-node/llb";
import type { Platform } from "@buildkit-node/oci";
import type { SolveRequestSchema } from "@buildkit-node/proto/gateway";
import type { Bridge } from "./bridge.ts";
import { type Capabilities, hasCapability, requireCapability } from "./capabilities.ts";
import { type Container, type ContainerOptions, newContainer } from "./container/container.ts";
import {
  type DebugOptions,
  debugContainer,
  type FailedProcess,
  failedProcess,
} from "./container/debug-container.ts";
import { type Graph, graphBytes, stateFromBytes } from "./definition.ts";
import { toPlatform } from "./platform.ts";
import { Reference } from "./reference.ts";
import { configResolver } from "./resolve/config-resolver.ts";
import { type ImageRequest, resolveImage } from "./resolve/resolve-image.ts";
import type { ResolvedImage } from "./resolve/resolved-image.ts";
import { resolveSourceMeta, type SourceMeta, type SourceMetaRequest } from "./resolve/source-meta.ts";
import type { Result } from "./result.ts";
import { resultFromProto } from "./result-message.ts";
import { solveFailure } from "./solve-failure.ts";

/** A worker as a build sees it. */
export interface GatewayWorker {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The first is the platform that builds are for when they name none. */
  readonly platforms: readonly Platform[];
}

/** A cache to look results up in. */
export interface CacheImport {
  /** `registry`, `local`, `gha`, `s3` or `azblob`. */
  readonly type: string;
  readonly attrs: Readonly<Record<string, string>>;
}

export interface SolveOptions {
  /** Build now, not when something needs the result. Default: false. */
  readonly evaluate?: boolean;
  /** What steps that name no platform are for. Default: the daemon's. */
  readonly platform?: Platform | string;
  readonly cacheImports?: readonly CacheImport[];
  readonly signal?: AbortSignal;
}

export interface FrontendRequest
  extends Pick<SolveOptions, "evaluate" | "cacheImports" | "platform" | "signal"> {
  /** `dockerfile.v0`, or `gateway.v0` with the option `source` for a frontend in an image. */
  readonly frontend: string;
  /** All options of that frontend: none are taken over from the build but its cache imports. */
  readonly options?: Readonly<Record<string, string>>;
  /** Named inputs. */
  readonly inputs?: Readonly<Record<string, Graph>>;
}

/** Something that the user should know about a step. */
export interface Warning {
  /** Digest of the step; one that the build knows, or nobody will see the warning. */
  readonly vertex: string;
  /** The warning in one line. */
  readonly short: string;
  /** More of it, line by line. */
  readonly detail?: readonly string[];
  /** A page that explains it. */
  readonly url?: string;
  /** The file that it is about, and the places in it. */
  readonly source?: SourceInfo;
  readonly ranges?: readonly Range[];
  /** 1 is the most serious. Default: 1. */
  readonly level?: number;
}

/** What is known of a build when it begins. */
export interface GatewayFields {
  readonly bridge: Bridge;
  /** Owns what must end before the build returns its result. */
  readonly scope: Scope;
  readonly options: Readonly<Record<string, string>>;
  readonly sessionId: string;
  readonly product: string;
  readonly workers: readonly GatewayWorker[];
  readonly capabilities: Capabilities;
}

/**
 * A build in progress, driven by a build function: what it can ask of the daemon. It is the same for a function that
 * a client runs and for a frontend in an image, and ends when the function has returned.
 */
export class Gateway {
  readonly #bridge: Bridge;
  readonly #scope: Scope;
  /** What the caller asks of a frontend, such as `target` or `build-arg:VERSION`. */
  readonly options: Readonly<Record<string, string>>;
  /** The client's session, which serves its local files, secrets and credentials. */
  readonly sessionId: string;
  /** What the build runs in, such as `buildkit` or `docker`; empty when not known. */
  readonly product: string;
  readonly workers: readonly GatewayWorker[];
  readonly capabilities: Capabilities;
  /** Looks up what `resolve` of LLB asks of images: their digests and configs, without the documents in between. */
  readonly resolver: ImageResolver;

  /** Made for a build function; tests use `recordBuild` of the frontend package. */
  constructor(fields: GatewayFields) {
    this.#bridge = fields.bridge;
    this.resolver = configResolver(fields);
    this.#scope = fields.scope;
    this.options = fields.options;
    this.sessionId = fields.sessionId;
    this.product = fields.product;
    this.workers = fields.workers;
    this.capabilities = fields.capabilities;
  }

  /** The platform that builds are for when they name none. */
  get platform(): Platform {
    const platform = this.workers[0]?.platforms[0];
    if (platform === undefined) {
      throw new BuildkitError("ERR_BUILDKIT_PROTOCOL", "the daemon names no platform of its worker");
    }
    return platform;
  }

  /** Whether the daemon has a capability, of the gateway or of LLB, and has it switched on. */
  has(capability: string): boolean {
    return hasCapability(this.capabilities, capability);
  }

  /**
   * Gives LLB to the daemon. The result is lazy unless `evaluate` is set.
   *
   * @throws {SolveError} when the build fails, with `evaluate`
   * @throws {UnsupportedError} when the graph needs what the daemon cannot do
   */
  async solve(graph: Graph, options: SolveOptions = {}): Promise<Reference> {
    const definition = await this.#definition(graph, options);
    if (definition.length === 0) return new Reference(this.#owner, "");
    const result = await this.#solve({ Definition: definition }, options);
    if (result.ref === undefined) {
      throw new BuildkitError("ERR_BUILDKIT_PROTOCOL", "the daemon answered one graph with several results");
    }
    return result.ref;
  }

  /**
   * Runs another frontend as a part of this build.
   *
   * @throws {SolveError} when it fails
   */
  async solveFrontend(request: FrontendRequest): Promise<Result> {
    if (request.frontend === "") {
      throw new InvalidArgumentError("frontend", "", "name a frontend, such as dockerfile.v0");
    }
    const inputs = Object.entries(request.inputs ?? {});
    if (inputs.length > 0) {
      requireCapability(this.capabilities, "frontend.inputs", "giving inputs to a frontend");
    }
    const definitions = inputs.map(async ([name, graph]) => {
      return [name, await this.#definition(graph, request)] as const;
    });
    return this.#solve(
      {
        Frontend: request.frontend,
        FrontendOpt: { ...this.#cacheOptions(), ...request.options },
        FrontendInputs: Object.fromEntries(await Promise.all(definitions)),
      },
      request,
    );
  }

  /** The named LLB inputs of the build. */
  async inputs(options: { readonly signal?: AbortSignal } = {}): Promise<ReadonlyMap<string, State>> {
    if (!this.has("frontend.inputs")) return new Map();
    const { Definitions } = await this.#bridge.rpc.inputs({}, this.#bridge.call(options.signal));
    return new Map(
      Object.entries(Definitions).map(([name, definition]) => [name, stateFromBytes(definition)]),
    );
  }

  /** Shows a warning to the user; answers false when the daemon has no way to do that (before BuildKit 0.10). */
  async warn(warning: Warning, options: { readonly signal?: AbortSignal } = {}): Promise<boolean> {
    if (!this.has("gateway.warnings")) return false;
    const text = new TextEncoder();
    await this.#bridge.rpc.warn(
      {
        digest: warning.vertex,
        level: BigInt(warning.level ?? 1),
        short: text.encode(warning.short),
        detail: (warning.detail ?? []).map((line) => text.encode(line)),
        url: warning.url ?? "",
        ...(warning.source !== undefined && { info: warning.source }),
        ranges: [...(warning.ranges ?? [])],
      },
      this.#bridge.call(options.signal),
    );
    return true;
  }

  /**
   * Finds out everything about an image, in a registry or in an OCI layout that the session serves, through the
   * daemon: its mirrors and the session's credentials apply.
   *
   * @throws {ImageError} when there is no such image, none for the platform, or the registry refuses
   */
  resolveImageConfig(ref: string, options: ImageRequest = {}): Promise<ResolvedImage> {
    return resolveImage(this.#owner, ref, options);
  }

  /**
   * Finds out what a source stands for at the moment: the commit of a git reference, the checksum of a file.
   *
   * @throws {UnsupportedError} by a daemon before BuildKit 0.13 (git and http: 0.26)
   */
  resolveSourceMeta(request: SourceMetaRequest): Promise<SourceMeta> {
    return resolveSourceMeta(this.#owner, request);
  }

  /**
   * Makes a container to run processes in. It ends with the build function at the latest.
   *
   * @throws {InvalidArgumentError} when there is not exactly one mount at `/`
   */
  newContainer(options: ContainerOptions): Promise<Container> {
    return newContainer(this.#owner, options);
  }

  /**
   * A container with the mounts of a step that failed, to look around in: as the step left them, or as it found them.
   *
   * @throws {InvalidArgumentError} when the error is not that of a step of this build that ran a process
   */
  debug(error: unknown, options: DebugOptions = {}): Promise<Container> {
    return debugContainer(this.#owner, error, options);
  }

  /**
   * How the step that failed ran its process, to start the same in a container of `debug`, or a shell in its place.
   *
   * @throws {InvalidArgumentError} as {@link debug}
   */
  failedProcess(error: unknown): FailedProcess {
    return failedProcess(error);
  }

  get #owner(): GatewayOwner {
    return {
      bridge: this.#bridge,
      scope: this.#scope,
      capabilities: this.capabilities,
      sessionId: this.sessionId,
      solve: (graph, options) => this.solve(graph, options),
    };
  }

  #definition(
    graph: Graph,
    { platform, signal }: Pick<SolveOptions, "platform" | "signal">,
  ): ReturnType<typeof graphBytes> {
    return graphBytes(graph, {
      capabilities: this.capabilities,
      resolver: this.resolver,
      platform: platform === undefined ? this.platform : toPlatform(platform),
      signal,
    });
  }

  /** Results are asked for in the one form that tells everything; what they stand for comes with each reference. */
  async #solve(
    what: Pick<Asked, "Definition" | "Frontend" | "FrontendOpt" | "FrontendInputs">,
    options: Pick<SolveOptions, "evaluate" | "cacheImports" | "signal">,
  ): Promise<Result> {
    const { evaluate = false, cacheImports = [], signal } = options;
    const atOnce = evaluate && this.has("gateway.solve.evaluate");
    const request = {
      ...what,
      allowResultReturn: true,
      allowResultArrayRef: true,
      CacheImports: cacheImports.map(({ type, attrs }) => ({ Type: type, Attrs: { ...attrs } })),
      Evaluate: atOnce,
    };
    try {
      const response = await this.#bridge.rpc.solve(request, this.#bridge.call(signal));
      const result = resultFromProto(this.#owner, response);
      if (evaluate && !atOnce) await evaluateAll(result, signal);
      return result;
    } catch (error) {
      throw solveFailure(this.#bridge.buildId, error);
    }
  }

  /** The cache imports of the build, in the two forms that frontends read. */
  #cacheOptions(): Record<string, string> {
    const inherited = ["cache-imports", "cache-from"] as const;
    return Object.fromEntries(
      inherited.flatMap((key) => (this.options[key] === undefined ? [] : [[key, this.options[key]]])),
    );
  }
}

/** What the parts of a gateway share. */
export interface GatewayOwner {
  readonly bridge: Bridge;
  readonly scope: Scope;
  readonly capabilities: Capabilities;
  readonly sessionId: string;
  readonly solve: (graph: Graph, options?: SolveOptions) => Promise<Reference>;
}

type Asked = Exclude<MessageInitShape<typeof SolveRequestSchema>, { $typeName: string }>;

async function evaluateAll(result: Result, signal: AbortSignal | undefined): Promise<void> {
  const refs = [...(result.refs?.values() ?? []), ...(result.ref === undefined ? [] : [result.ref])];
  await Promise.all(refs.map((ref) => ref.evaluate(signal === undefined ? {} : { signal })));
}
