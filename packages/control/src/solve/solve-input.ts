import { InvalidArgumentError } from "@buildkit-node/core";
import type { BuildFunction } from "@buildkit-node/gateway";
import { Definition, type State } from "@buildkit-node/llb";

/** A build that a frontend of the daemon makes. Its options are the build's `frontendAttrs`. */
export interface FrontendInput {
  /** `dockerfile.v0`, or `gateway.v0` for a frontend in an image. */
  readonly frontend: string;
  /** Graphs that the frontend may use, by name. */
  readonly inputs?: Readonly<Record<string, State | Definition>>;
}

/** One result for several platforms, each made by a graph of its own. */
export interface PlatformsInput {
  /** The graphs by platform, such as `linux/arm64`; it is also that of their steps that name none. */
  readonly platforms: Readonly<Record<string, State | Definition>>;
}

/**
 * What is to be built: a graph, marshalled or not; graphs for several platforms; what a frontend makes; or what a function
 * returns that may ask the daemon while it thinks.
 */
export type SolveInput = State | Definition | PlatformsInput | FrontendInput | BuildFunction;

/** The input with its kind told. */
export type KnownInput =
  | { readonly kind: "graph"; readonly graph: State | Definition }
  | { readonly kind: "platforms"; readonly graphs: ReadonlyMap<string, State | Definition> }
  | {
      readonly kind: "frontend";
      readonly frontend: string;
      readonly inputs: ReadonlyMap<string, State | Definition>;
    }
  | { readonly kind: "function"; readonly build: BuildFunction };

/** @throws {InvalidArgumentError} for what cannot be built, a frontend without a name, and no platform at all */
export function knownInput(input: SolveInput): KnownInput {
  if (typeof input === "function") return { kind: "function", build: input };
  if (typeof input !== "object" || input === null) throw noInput(input);
  if (isGraph(input)) return { kind: "graph", graph: input };
  if ("platforms" in input && "frontend" in input) {
    const message = "the input has both platforms and frontend, and can be only one of them";
    throw new InvalidArgumentError("input", input, `${message}: a frontend takes graphs as inputs`);
  }
  if ("platforms" in input) {
    const graphs = graphsOf("input.platforms", input.platforms);
    if (graphs.size > 0) return { kind: "platforms", graphs };
    throw new InvalidArgumentError("input.platforms", input.platforms, "there is no platform to build for");
  }
  if (!("frontend" in input)) throw noInput(input);
  const { frontend, inputs = {} } = input;
  if (typeof frontend !== "string" || frontend === "") {
    throw new InvalidArgumentError("input.frontend", frontend, "the frontend's name is missing");
  }
  return { kind: "frontend", frontend, inputs: graphsOf("input.inputs", inputs) };
}

function graphsOf(
  argument: string,
  graphs: Readonly<Record<string, State | Definition>>,
): ReadonlyMap<string, State | Definition> {
  const entries = Object.entries(graphs ?? {});
  for (const [name, graph] of entries) {
    if (isGraph(graph)) continue;
    const message = `${argument} has ${String(graph)} as ${JSON.stringify(name)}, which must be a State or a Definition`;
    throw new InvalidArgumentError(`${argument}.${name}`, graph, message);
  }
  return new Map(entries);
}

function isGraph(value: object): value is State | Definition {
  return value instanceof Definition || (typeof value === "object" && value !== null && "isOpen" in value);
}

function noInput(input: unknown): InvalidArgumentError {
  const message =
    "there is nothing to build: give a State, a Definition, { platforms }, { frontend } or a function of a gateway";
  return new InvalidArgumentError("input", input, message);
}
