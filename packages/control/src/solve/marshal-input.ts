import { InvalidArgumentError } from "@buildkit-node/core";
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
import { definitionToProto, localNames } from "./definition.ts";
import type { KnownInput } from "./solve-input.ts";

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
    const { definition, image } = await marshalGraph(input.graph, options);
    return { definition, frontend: "", frontendInputs: {}, ...(image && { image }) };
  }
  const entries = [...input.inputs].map(async ([name, graph]) => {
    const { definition } = await marshalGraph(graph, options);
    return [name, definition] as const;
  });
  return { frontend: input.frontend, frontendInputs: Object.fromEntries(await Promise.all(entries)) };
}

async function marshalGraph(
  graph: State | Definition,
  options: MarshalInputOptions,
): Promise<{ readonly definition: WireDefinition; readonly image?: Image }> {
  if (graph instanceof Definition) {
    checkLocals(graph, options.locals);
    return { definition: definitionToProto(graph) };
  }
  const platform = await options.platform();
  const { resolver, signal } = options;
  const closed = graph.isOpen ? await resolve(graph, { platform, resolver, signal }) : graph;
  const definition = marshal(closed, { platform });
  checkLocals(definition, options.locals);
  const image = { ...platformFields(platform), ...imageConfigOf(closed) };
  return { definition: definitionToProto(definition), image };
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
