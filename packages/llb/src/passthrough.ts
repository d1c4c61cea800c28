import { callSite } from "./call-site.ts";
import { constraintsOf, type StepOptions } from "./constraints.ts";
import { LlbError } from "./error.ts";
import { combined, fresh, part, type State } from "./state.ts";
import { makePassthrough, type PassthroughInput } from "./steps/passthrough.ts";

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
  const site = callSite(passthrough);
  const constraints = constraintsOf(options, passthrough);
  const states = inputs.map(({ state }) => state);
  const made = combined(states, (closed) => makePassthrough(id, inputs, { closed, constraints, site }));
  return {
    output: (index) =>
      part(made, (outputs) => {
        const output = outputs[index];
        if (output === undefined) {
          throw new LlbError(`the passthrough has ${outputs.length} outputs, there is no output ${index}`, {
            reason: "inputs",
            value: index,
            site,
          });
        }
        return fresh(output);
      }),
  };
}
