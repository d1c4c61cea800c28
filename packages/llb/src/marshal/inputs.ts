import type { Output } from "../vertex.ts";
import type { Op, OpInput } from "../wire/op.ts";
import type { Base } from "./base.ts";
import type { InputOf } from "./vertex-op.ts";

/** The inputs of an op without repetition. */
export class Inputs {
  readonly list: OpInput[] = [];
  readonly #inputOf: InputOf;
  readonly #numbers = new Map<string, number>();

  constructor(inputOf: InputOf) {
    this.#inputOf = inputOf;
  }

  /** The number of an output among the inputs, to which it is added if it is not there; -1 for none. */
  numberOf(output: Output | undefined): number {
    if (output === undefined) {
      return -1;
    }
    const input = this.#inputOf(output);
    const key = `${input.digest}/${input.index}`;
    const number = this.#numbers.get(key);
    if (number !== undefined) {
      return number;
    }
    this.#numbers.set(key, this.list.length);
    return this.list.push(input) - 1;
  }
}

/** The fields that every op has beside its own. */
export function commonOf(
  vertex: { readonly constraints: { readonly filters: readonly string[] } },
  base: Base,
): Pick<Op, "constraints"> {
  const { filters } = vertex.constraints;
  return { constraints: { filter: filters.length === 0 ? base.filters : [...base.filters, ...filters] } };
}
