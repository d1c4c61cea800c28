import { constraintsOf, type StepOptions } from "./constraints.ts";
import { closedState, combine, fresh, type State, withOutput } from "./state.ts";
import type { DiffVertex, MergeVertex } from "./vertex.ts";

/**
 * Lays filesystems over each other, later ones on top, without copying. The settings are those of the first that is not
 * empty; empty ones have no effect, and a merge of one is that one. BuildKit 0.10 and later.
 */
export function merge(states: readonly State[], options: StepOptions = {}): State {
  const constraints = constraintsOf(options, merge);
  const layers = [...states];
  return combine(layers, merge, (closed) => {
    const filled = layers.flatMap((state) => {
      const { output, settings } = closed(state);
      return output === undefined ? [] : [{ output, settings }];
    });
    const [first, second] = filled;
    if (first === undefined) {
      return fresh(undefined);
    }
    if (second === undefined) {
      return closedState(first.output, first.settings);
    }
    const inputs = filled.map(({ output }) => output);
    const vertex: MergeVertex = Object.freeze({ kind: "merge", inputs, constraints });
    return withOutput(first.settings, Object.freeze({ vertex, index: 0 }));
  });
}

/**
 * What has to be laid over `lower` to get `upper`. The settings are those of `lower`; over an empty `lower` it is `upper`
 * as it is. BuildKit 0.10 and later.
 */
export function diff(lower: State, upper: State, options: StepOptions = {}): State {
  const constraints = constraintsOf(options, diff);
  return combine([lower, upper], diff, (closed) => {
    const below = closed(lower);
    const above = closed(upper);
    if (below.output === undefined) {
      return closedState(above.output, above.settings);
    }
    const vertex: DiffVertex = Object.freeze({
      kind: "diff",
      lower: below.output,
      upper: above.output,
      constraints,
    });
    return withOutput(below.settings, Object.freeze({ vertex, index: 0 }));
  });
}
