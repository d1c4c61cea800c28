import { InvalidArgumentError } from "@buildkit-node/core";
import type { Definition } from "@buildkit-node/proto/pb";
import { definitionToProto } from "./definition.ts";

/** A graph in the form in which it is sent. */
export interface Marshalled {
  /** The bytes of a `pb.Definition`. */
  toBytes(): Uint8Array;
}

/** A build that a frontend of the daemon makes. Its options are the build's `frontendAttrs`. */
export interface FrontendInput {
  /** `dockerfile.v0`, or `gateway.v0` for a frontend in an image. */
  readonly frontend: string;
  /** Graphs that the frontend may use, by name. */
  readonly inputs?: Readonly<Record<string, Marshalled>>;
}

/** What is to be built: a graph, or what a frontend makes. */
export type SolveInput = Marshalled | FrontendInput;

/** The input in the words of the request. */
export interface WireInput {
  readonly definition?: Definition;
  readonly frontend: string;
  readonly frontendInputs: Readonly<Record<string, Definition>>;
}

/** @throws {InvalidArgumentError} */
export function inputToProto(input: SolveInput): WireInput {
  const graph = "toBytes" in input;
  if (graph && "frontend" in input) {
    throw new InvalidArgumentError("input", input, "a build has either a graph or a frontend, not both");
  }
  if (graph) return { definition: definitionToProto(input.toBytes()), frontend: "", frontendInputs: {} };
  if (typeof input.frontend !== "string" || input.frontend === "") {
    throw new InvalidArgumentError("input.frontend", input.frontend, "a frontend's name is missing");
  }
  const inputs = Object.entries(input.inputs ?? {});
  const frontendInputs = Object.fromEntries(
    inputs.map(([name, marshalled]) => [name, definitionToProto(marshalled.toBytes())]),
  );
  return { frontend: input.frontend, frontendInputs };
}
