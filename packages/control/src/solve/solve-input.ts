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

/**
 * What is to be built: a graph, marshalled or not; what a frontend makes; or what a function returns that may ask the
 * daemon while it thinks.
 */
export type SolveInput = State | Definition | FrontendInput | BuildFunction;

/** The input with its kind told. */
export type KnownInput =
  | { readonly kind: "graph"; readonly graph: State | Definition }
  | {
      readonly kind: "frontend";
      readonly frontend: string;
      readonly inputs: ReadonlyMap<string, State | Definition>;
    }
  | { readonly kind: "function"; readonly build: BuildFunction };

/** @throws {InvalidArgumentError} for a frontend without a name */
export function knownInput(input: SolveInput): KnownInput {
  if (typeof input === "function") return { kind: "function", build: input };
  if (input instanceof Definition || !("frontend" in input)) return { kind: "graph", graph: input };
  const { frontend, inputs = {} } = input;
  if (typeof frontend !== "string" || frontend === "") {
    throw new InvalidArgumentError("input.frontend", frontend, "the frontend's name is missing");
  }
  return { kind: "frontend", frontend, inputs: new Map(Object.entries(inputs)) };
}
