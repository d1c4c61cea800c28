import type { Output } from "../vertex.ts";
import type { Op, OpInput } from "../wire/op.ts";

/** A vertex in the form that goes over the wire. */
export interface VertexOp {
  readonly op: Op;
  /** The capabilities that the vertex asks for. */
  readonly caps: readonly string[];
}

/** Gives the input that an output is, once its vertex has been marshalled. */
export type InputOf = (output: Output) => OpInput;
