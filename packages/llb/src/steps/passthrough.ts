import type { Constraints } from "../constraints.ts";
import { LlbError } from "../error.ts";
import type { Place } from "../place.ts";
import type { Closed, State } from "../state.ts";
import type { Output, PassthroughVertex } from "../vertex.ts";

/** A state that goes into a passthrough. */
export interface PassthroughInput {
  readonly state: State;
  /** Whether it comes out again. Default: false. */
  readonly output?: boolean;
}

/** Makes the vertex that hands states through once all of them are there, and gives its outputs. */
export function makePassthrough(
  id: string,
  inputs: readonly PassthroughInput[],
  given: {
    readonly closed: (state: State) => Closed;
    readonly constraints: Constraints;
    readonly place: Place;
  },
): readonly Output[] {
  const { closed, constraints, place } = given;
  const present = inputs.flatMap(({ state, output = false }) => {
    const input = closed(state).output;
    return input === undefined ? [] : [{ input, output }];
  });
  const outputs = present.flatMap(({ output }, index) => (output ? [index] : []));
  const problem =
    id === "" ? "an id" : present.length === 0 ? "an input" : outputs.length === 0 ? "an output" : undefined;
  if (problem !== undefined) {
    throw new LlbError(`a passthrough needs ${problem} (empty filesystems do not count)`, {
      reason: "inputs",
      value: { id, inputs },
      place,
    });
  }
  const vertex: PassthroughVertex = Object.freeze({
    kind: "passthrough",
    id,
    inputs: present.map(({ input }) => input),
    outputs,
    constraints,
  });
  return outputs.map((_, index) => Object.freeze({ vertex, index }));
}
