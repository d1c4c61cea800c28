import {
  type Gateway,
  type Graph,
  imageResult,
  type PlatformResult,
  Reference,
  type Result,
  type Warning,
} from "@buildkit-node/gateway";
import { image, imageConfigOf, type LocalOptions, resolve, type State } from "@buildkit-node/llb";
import {
  formatReference,
  type Image,
  isDigest,
  normalizePlatform,
  type Platform,
  parsePlatform,
  parseReference,
  withDefaultTag,
} from "@buildkit-node/oci";
import { type BuildPlace, contextState, findPlace, readSource } from "./build-context.ts";
import { type NamedContext, namedContext } from "./named-context.ts";
import { type RequestOptions, readRequestOptions } from "./request-options.ts";
import type { SourceFile } from "./source-file.ts";

/** What a frontend calls its input when the caller does not. */
export interface SourceDefaults {
  readonly filename: string;
  readonly language: string;
}

/** One platform's image, or what it is made from. */
export type PlatformBuild = State | Reference | Omit<PlatformResult, "platform">;

/** What a caller asks of a frontend, in the conventions of `docker build`. */
export class FrontendRequest {
  readonly #gateway: Gateway;
  readonly #defaults: SourceDefaults;
  #place: Promise<BuildPlace> | undefined;
  #source: ReturnType<typeof readSource> | undefined;
  /** The options, read. */
  readonly options: RequestOptions;

  /** @throws {InvalidArgumentError} for an option that cannot be understood */
  constructor(gateway: Gateway, defaults: SourceDefaults) {
    this.#gateway = gateway;
    this.#defaults = defaults;
    this.options = readRequestOptions(gateway.options);
  }

  /** The stage or step to build; empty for the default. */
  get target(): string {
    return this.options.target;
  }

  /** The build args that the caller gives. */
  get args(): Readonly<Record<string, string>> {
    return this.options.args;
  }

  /** What to build for: as asked, else the daemon's own platform. */
  get platforms(): readonly Platform[] {
    const { platforms } = this.options;
    return platforms.length > 0 ? platforms : [this.#gateway.platform];
  }

  /** Whether a stage must run although its result is cached. */
  ignoresCache(stage: string): boolean {
    const { noCache } = this.options;
    return noCache === true || noCache.some((name) => name.toLowerCase() === stage.toLowerCase());
  }

  /**
   * The frontend's input file.
   *
   * @throws {FileError} when there is none
   */
  async source(): Promise<SourceFile> {
    return (await this.#readSource()).file;
  }

  /**
   * The files to build from: a local directory without what its `.dockerignore` leaves out, a repository, an archive.
   *
   * @param options more about which files of a local directory are needed
   */
  async context(options: LocalOptions = {}): Promise<State> {
    const place = await this.#findPlace();
    // Without an input file of its own, a frontend has no `.dockerignore` of its own either.
    const ignoreFile = await this.#source?.then(
      (source) => source.ignoreFile,
      () => undefined,
    );
    return contextState(place, ignoreFile, options);
  }

  /** What the caller has put in the place of a name: `--build-context name=…`. */
  async namedContext(name: string, platform?: Platform | string): Promise<NamedContext | undefined> {
    return namedContext(await this.#findPlace(), name, this.#platformOf(platform));
  }

  /**
   * An image with its variables and directory: what the caller has put in its place, else the registry's.
   *
   * @throws {ImageError} when there is no such image
   */
  async image(ref: string, options: { readonly platform?: Platform | string } = {}): Promise<NamedContext> {
    const platform = this.#platformOf(options.platform);
    const given = await this.namedContext(ref, platform);
    if (given !== undefined) return given;
    const { resolveMode } = this.options;
    const name = withDefaultTag(parseReference(ref));
    const full = formatReference(name);
    const found = await this.#gateway.resolver.resolveImageConfig(full, { platform, resolveMode });
    // An image that only an engine's own store has is without digest.
    const pinned =
      found.digest !== undefined && isDigest(found.digest)
        ? formatReference({ ...name, digest: found.digest })
        : full;
    const state = image(pinned, { platform, resolveMode }).imageConfig(found.config);
    return { state, config: imageConfigOf(state) };
  }

  /**
   * Builds for each platform that is asked for and puts the results together, as an index where one is wanted. The labels
   * of the request go into the config of each.
   */
  async build(
    make: (platform: Platform) => Promise<PlatformBuild> | PlatformBuild,
  ): Promise<Result<Graph | Reference>> {
    const results = await Promise.all(
      this.platforms.map(async (platform): Promise<PlatformResult> => {
        const made = await make(platform);
        const part = "ref" in made ? made : await this.#part(platform, made);
        return { ...part, platform, config: this.#config(platform, part.config) };
      }),
    );
    return imageResult(results, { multiPlatform: this.options.multiPlatform });
  }

  /** Shows a warning about the input file; answers false when the daemon has no way to do that. */
  async warn(warning: Omit<Warning, "vertex" | "source">): Promise<boolean> {
    const { vertex, filename, language, data } = await this.source();
    return this.#gateway.warn({ vertex, source: { filename, language, data }, ...warning });
  }

  /** What is returned without a config gets that of its state: variables, directory, user. */
  async #part(platform: Platform, made: State | Reference): Promise<Omit<PlatformResult, "platform">> {
    if (made instanceof Reference) return { ref: made };
    const state = await resolve(made, { platform, resolver: this.#gateway.resolver });
    return { ref: state, config: imageConfigOf(state) };
  }

  #config(platform: Platform, config: Image | undefined): Image {
    const { labels } = this.options;
    const { os, architecture, variant } = platform;
    const whole: Image = { os, architecture, ...(variant !== undefined && { variant }), ...config };
    if (Object.keys(labels).length === 0) return whole;
    return { ...whole, config: { ...whole.config, Labels: { ...whole.config?.Labels, ...labels } } };
  }

  #platformOf(given: Platform | string | undefined): Platform {
    if (given === undefined) return this.platforms[0] ?? this.#gateway.platform;
    return normalizePlatform(typeof given === "string" ? parsePlatform(given) : given);
  }

  #findPlace(): Promise<BuildPlace> {
    this.#place ??= findPlace(this.#gateway, this.options);
    return this.#place;
  }

  #readSource(): ReturnType<typeof readSource> {
    this.#source ??= this.#findPlace().then((place) => readSource(place, this.#defaults));
    return this.#source;
  }
}
