import type { Definition } from "@buildkit-node/llb";
import { marshalConstraints } from "./constraints.ts";
import { Evaluator } from "./evaluator.ts";
import { parseProgram } from "./language.ts";
import { library } from "./library.ts";
import { marshalValue } from "./marshal.ts";

/** Carries out a program of the vectors on the public API, and marshals its last state. */
export async function interpret(
  program: string,
  constraints: Readonly<Record<string, unknown>>,
): Promise<Definition> {
  // Only where a program extends a command afterwards must states be made late.
  const isEager = !/\.\s*addMount\b/.test(program);
  const last = await new Evaluator(library, isEager).run(parseProgram(program));
  const { options, caps } = marshalConstraints(constraints);
  return await marshalValue(last, options, caps === undefined ? {} : { caps });
}
