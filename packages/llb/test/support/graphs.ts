import * as llb from "@buildkit-node/llb";
import fc from "fast-check";
import { changes, type GraphChange, pick } from "./any-change.ts";
import { anySource } from "./any-source.ts";

/** What every graph of a test is marshalled with: nothing in it is left to chance. */
export const options = { platform: "linux/amd64", localUniqueId: "unique" } as const;

/** Marshals for the tests' platform. */
export function marshalled(state: llb.State): llb.Definition {
  return llb.marshal(state, options);
}

/** A graph with everything in it: all states that were made on the way to its last one. */
export const graphs: fc.Arbitrary<readonly llb.State[]> = fc
  .tuple(
    fc.array(anySource, { minLength: 1, maxLength: 4 }),
    fc.array(fc.tuple(fc.nat(), changes), { maxLength: 12 }),
  )
  .map(([first, steps]: readonly [readonly llb.State[], readonly (readonly [number, GraphChange])[]]) => {
    const all = [...first];
    for (const [at, change] of steps) {
      all.push(change(pick(all, at), all));
    }
    return all;
  });

/** The last state of a graph. */
export const states: fc.Arbitrary<llb.State> = graphs.map((all) => all.at(-1) ?? llb.scratch());
