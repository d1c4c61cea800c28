import { constraintsOf, type StepOptions } from "./constraints.ts";
import { Deferred } from "./deferred.ts";
import { LlbError } from "./error.ts";
import { noted } from "./place.ts";
import { combined, fresh, part, type State } from "./state.ts";
import { makePassthrough, type PassthroughInput } from "./steps/passthrough.ts";
import { checkText } from "./text.ts";

/** The states that come out of a {@link passthrough}. */
export interface Passthrough {
  /**
   * The state, with fresh settings, of an input that is an output; they are counted from 0, without the empty ones.
   *
   * @throws LlbError with reason `inputs` when there is no such output
   */
  output(index: number): State;
}

/**
 * Hands states through once all of them are there. Empty ones do not count. BuildKit 0.31 and later.
 *
 * @throws LlbError with reason `inputs` without an id, an input or an output
 */
export function passthrough(
  id: string,
  inputs: readonly PassthroughInput[],
  options: StepOptions = {},
): Passthrough {
  const constraints = constraintsOf(options, passthrough);
  checkText(id, passthrough);
  const given = [...inputs];
  const states = given.map(({ state }) => state);
  const made = combined(states, passthrough, (closed, place) =>
    makePassthrough(id, given, { closed, constraints, place }),
  );
  const output = (index: number): State => {
    const place = made instanceof Deferred ? noted(output) : output;
    return part(made, (outputs) => {
      const found = outputs[index];
      if (found === undefined) {
        throw new LlbError(`the passthrough has ${outputs.length} outputs, there is no output ${index}`, {
          reason: "inputs",
          value: index,
          place,
        });
      }
      return fresh(found);
    });
  };
  return { output };
}
