import { BuildkitError } from "@buildkit-node/core";
import type { Definition } from "@buildkit-node/llb";
import { marshalConstraints } from "./constraints.ts";
import { Evaluator } from "./evaluator.ts";
import { parseProgram } from "./language.ts";
import { library } from "./library.ts";
import { marshalValue } from "./marshal.ts";
import { NotOfferedError } from "./values.ts";

/** Carries out a program of the vectors on the public API, and marshals its last state. */
export async function interpret(
  program: string,
  constraints: Readonly<Record<string, unknown>>,
): Promise<Definition> {
  // Where a program extends a command afterwards, states must be made late.
  if (/\.\s*addMount\b/.test(program)) {
    return await carryOut(program, constraints, false);
  }
  try {
    return await carryOut(program, constraints, true);
  } catch (error) {
    // The reference does not notice what is wrong with steps that are not marshalled: such steps are not made then.
    if (error instanceof BuildkitError || error instanceof NotOfferedError) {
      return await carryOut(program, constraints, false);
    }
    throw error;
  }
}

async function carryOut(
  program: string,
  constraints: Readonly<Record<string, unknown>>,
  isEager: boolean,
): Promise<Definition> {
  const last = await new Evaluator(library, isEager).run(parseProgram(program));
  const { options, caps } = marshalConstraints(constraints);
  return await marshalValue(last, options, caps === undefined ? {} : { caps });
}
