import { InvalidArgumentError } from "@buildkit-node/core";
import { type BuildFunction, imageResult } from "@buildkit-node/gateway";
import { definitionBytes } from "@buildkit-node/gateway/internal";
import {
  Definition,
  type ImageResolver,
  imageConfigOf,
  image as imageSource,
  marshal,
  ociLayout,
  resolve,
  type State,
} from "@buildkit-node/llb";
import {
  formatPlatform,
  type Image,
  normalizePlatform,
  type Platform,
  parsePlatform,
} from "@buildkit-node/oci";
import { maxMessageBytes } from "@buildkit-node/transport/internal";
import { baseImageOf } from "./base-image.ts";
import type { KnownInput } from "./solve-input.ts";
import { localNames, readsRemote } from "./source-names.ts";

export interface MarshalInputOptions {
  /** The platform of steps that name none; asked for only where a graph is not marshalled yet. */
  readonly platform: () => Promise<Platform>;
  readonly resolver: ImageResolver;
  /** The local sources that the build is given; absent where that cannot be known. */
  readonly locals: ReadonlySet<string> | undefined;
  readonly signal: AbortSignal;
}

/** The input in the words of the request. */
export interface MarshalledInput {
  /** All graphs that the build is given. */
  readonly graphs: readonly Definition[];
  /** The one that is the build itself. */
  readonly graph?: Definition;
  /** `graph`, as it is sent. */
  readonly definition?: Uint8Array;
  readonly frontend: string;
  readonly frontendInputs: Readonly<Record<string, Uint8Array>>;
  /** Makes the result in place of the daemon. */
  readonly drive?: BuildFunction;
  /** Whether the daemon may have to fetch images, for which it asks the session for credentials. */
  readonly fetches: boolean;
  /** What the states say about images of them, by platform; see `ExportContext`. */
  readonly images?: () => Promise<ReadonlyMap<string, Image>>;
}

/**
 * Closes the open ends of the input's graphs and writes them as they are sent.
 *
 * @throws {InvalidArgumentError} for a graph that is too large, or reads a local source that is not given
 */
export async function marshalInput(
  input: KnownInput,
  options: MarshalInputOptions,
): Promise<MarshalledInput> {
  switch (input.kind) {
    case "graph": {
      const { definition, image } = await marshalGraph(input.graph, options);
      return {
        graphs: [definition],
        graph: definition,
        definition: definitionBytes(definition),
        frontend: "",
        frontendInputs: {},
        fetches: readsRemote(definition),
        images: async () => new Map([["", await image()]]),
      };
    }
    case "platforms":
      return marshalPlatforms(input.graphs, options);
    case "function":
      return { graphs: [], frontend: "", frontendInputs: {}, drive: input.build, fetches: true };
    case "frontend": {
      const marshalled = [...input.inputs].map(async ([name, graph]) => {
        const { definition } = await marshalGraph(graph, options);
        return [name, definition] as const;
      });
      const inputs = await Promise.all(marshalled);
      const entries = inputs.map(([name, definition]) => [name, definitionBytes(definition)] as const);
      return {
        graphs: inputs.map(([, definition]) => definition),
        frontend: input.frontend,
        frontendInputs: Object.fromEntries(entries),
        fetches: true,
      };
    }
  }
}

/** Several graphs go through the gateway, which puts them together. */
async function marshalPlatforms(
  graphs: ReadonlyMap<string, State | Definition>,
  options: MarshalInputOptions,
): Promise<MarshalledInput> {
  const parts = await Promise.all(
    [...graphs].map(async ([text, graph]) => {
      const platform = normalizePlatform(parsePlatform(text));
      const marshalled = await marshalGraph(graph, { ...options, platform: async () => platform });
      return { ...marshalled, platform, id: formatPlatform(platform) };
    }),
  );
  const result = imageResult(
    parts.map(({ platform, definition }) => ({ platform, ref: definition })),
    { multiPlatform: true },
  );
  const definitions = parts.map(({ definition }) => definition);
  return {
    graphs: definitions,
    frontend: "",
    frontendInputs: {},
    drive: () => result,
    fetches: definitions.some(readsRemote),
    images: async () =>
      new Map(await Promise.all(parts.map(async ({ id, image }) => [id, await image()] as const))),
  };
}

interface MarshalledGraph {
  readonly definition: Definition;
  /** What the graph says about an image of it; looks the base image up if it is not known. */
  readonly image: () => Promise<Image>;
}

async function marshalGraph(
  graph: State | Definition,
  options: MarshalInputOptions,
): Promise<MarshalledGraph> {
  const { resolver, signal } = options;
  if (graph instanceof Definition) {
    checkDefinition(graph, options.locals);
    const image = async () => {
      const platform = await options.platform();
      return { ...platformFields(platform), ...(await baseImage(graph, platform, options)) };
    };
    return { definition: graph, image: once(image) };
  }
  const platform = await options.platform();
  const closed = graph.isOpen ? await resolve(graph, { platform, resolver, signal }) : graph;
  const definition = marshal(closed, { platform });
  checkDefinition(definition, options.locals);
  const image = async () => {
    const own = closed.settings.platform ?? platform;
    const base = closed.settings.image ? undefined : await baseImage(definition, own, options);
    return { ...platformFields(own), ...imageConfigOf(closed, base) };
  };
  return { definition, image: once(image) };
}

/** Every exporter of images asks for it; the daemon, which may have to ask a registry, is asked once. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}

/** The document of the image that a graph starts from. */
async function baseImage(
  definition: Definition,
  platform: Platform,
  { resolver, signal }: MarshalInputOptions,
): Promise<Image | undefined> {
  const base = baseImageOf(definition);
  if (base === undefined) return undefined;
  const { ref, resolveMode, layout } = base;
  const source = layout
    ? ociLayout(ref, { ...layout, resolve: "config" })
    : imageSource(ref, { resolveMode, resolve: "config" });
  return (await resolve(source, { platform, resolver, signal })).settings.image;
}

/** An image must name a platform: that of the build, where the state and its base image name none. */
function platformFields({ os, architecture, variant }: Platform): Image {
  return { os, architecture, ...(variant !== undefined && { variant }) };
}

function checkDefinition(definition: Definition, given: ReadonlySet<string> | undefined): void {
  const bytes = definition.ops.reduce((sum, op) => sum + op.length, 0);
  if (bytes > maxMessageBytes) {
    const problem = `the graph has ${(bytes / 1e6).toFixed(1)} MB, and BuildKit takes 16 MiB at most`;
    const advice = "give large contents as a local source, or build the graph in parts";
    throw new InvalidArgumentError("input", bytes, `${problem}: ${advice}`);
  }
  checkLocals(definition, given);
}

function checkLocals(definition: Definition, given: ReadonlySet<string> | undefined): void {
  if (given === undefined) return;
  const missing = localNames(definition).find((name) => !given.has(name));
  if (missing === undefined) return;
  const known = given.size === 0 ? "none is given" : `given are ${[...given].join(", ")}`;
  throw new InvalidArgumentError(
    "locals",
    missing,
    `the graph reads the local source ${JSON.stringify(missing)}, and locals does not have it (${known})`,
  );
}
