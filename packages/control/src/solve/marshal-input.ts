import { InvalidArgumentError } from "@buildkit-node/core";
import { definitionToProto } from "@buildkit-node/gateway/internal";
import {
  Definition,
  type ImageResolver,
  imageConfigOf,
  marshal,
  resolve,
  type State,
} from "@buildkit-node/llb";
import type { Image, Platform } from "@buildkit-node/oci";
import type { Definition as WireDefinition } from "@buildkit-node/proto/pb";
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
  readonly definition?: WireDefinition;
  readonly frontend: string;
  readonly frontendInputs: Readonly<Record<string, WireDefinition>>;
  /** Whether the daemon may have to fetch images, for which it asks the session for credentials. */
  readonly fetches: boolean;
  /** What the state says about an image of it. */
  readonly image?: Image;
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
  if (input.kind === "graph") {
    const { definition, message, image } = await marshalGraph(input.graph, options);
    const fetches = readsRemote(definition);
    return { definition: message, frontend: "", frontendInputs: {}, fetches, ...(image && { image }) };
  }
  if (input.kind === "function") return { frontend: "", frontendInputs: {}, fetches: true };
  const entries = [...input.inputs].map(async ([name, graph]) => {
    const { message } = await marshalGraph(graph, options);
    return [name, message] as const;
  });
  const frontendInputs = Object.fromEntries(await Promise.all(entries));
  return { frontend: input.frontend, frontendInputs, fetches: true };
}

interface MarshalledGraph {
  readonly definition: Definition;
  readonly message: WireDefinition;
  readonly image?: Image;
}

async function marshalGraph(
  graph: State | Definition,
  options: MarshalInputOptions,
): Promise<MarshalledGraph> {
  if (graph instanceof Definition) {
    checkLocals(graph, options.locals);
    return { definition: graph, message: definitionToProto(graph) };
  }
  const platform = await options.platform();
  const { resolver, signal } = options;
  const closed = graph.isOpen ? await resolve(graph, { platform, resolver, signal }) : graph;
  const definition = marshal(closed, { platform });
  checkLocals(definition, options.locals);
  const image = { ...platformFields(platform), ...imageConfigOf(closed) };
  return { definition, message: definitionToProto(definition), image };
}

/** An image must name a platform: that of the build, where the state and its base image name none. */
function platformFields({ os, architecture, variant }: Platform): Image {
  return { os, architecture, ...(variant !== undefined && { variant }) };
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
