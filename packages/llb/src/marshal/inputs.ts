import type { Output } from "../vertex.ts";
import type { Op, OpInput } from "../wire/op.ts";
import type { Base } from "./base.ts";
import type { InputOf } from "./vertex-op.ts";

/** The inputs of an op without repetition. */
export class Inputs {
  readonly list: OpInput[] = [];
  readonly #inputOf: InputOf;
  /** For long lists: the numbers by digest and index. */
  #numbers: Map<string, number> | undefined;

  constructor(inputOf: InputOf) {
    this.#inputOf = inputOf;
  }

  /** The number of an output among the inputs, to which it is added if it is not there; -1 for none. */
  numberOf(output: Output | undefined): number {
    if (output === undefined) {
      return -1;
    }
    const input = this.#inputOf(output);
    const number = this.#find(input);
    if (number !== undefined) {
      return number;
    }
    this.#numbers?.set(keyOf(input), this.list.length);
    return this.list.push(input) - 1;
  }

  #find(input: OpInput): number | undefined {
    if (this.#numbers === undefined && this.list.length < 8) {
      for (let number = 0; number < this.list.length; number++) {
        const known = this.list[number];
        if (known?.digest === input.digest && known?.index === input.index) {
          return number;
        }
      }
      return undefined;
    }
    this.#numbers ??= new Map(this.list.map((known, number) => [keyOf(known), number]));
    return this.#numbers.get(keyOf(input));
  }
}

function keyOf({ digest, index }: OpInput): string {
  return `${digest}/${index}`;
}

/** The filters of a step: those for the whole graph, then its own. */
export function workerConstraints(filters: readonly string[], base: Base): NonNullable<Op["constraints"]> {
  return filters.length === 0
    ? base.workerConstraints
    : { filter: [...base.workerConstraints.filter, ...filters] };
}
